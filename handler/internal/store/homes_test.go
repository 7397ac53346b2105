package store_test

import (
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/store"
)

// wantHome reads through connections of another process.
func wantHome(t *testing.T, s *stack.Storage, table, id, want string) {
	t.Helper()
	if got, err := open(t, s, table).Home(t.Context(), id); err != nil || got != want {
		t.Errorf("%q lives at %q, %v, want %q", id, got, err, want)
	}
}

func setHome(t *testing.T, table *store.Table, id, backend string, until time.Time) {
	t.Helper()
	if err := table.SetHome(t.Context(), id, backend, until); err != nil {
		t.Fatalf("%q: %v", id, err)
	}
}

func TestHomes(t *testing.T) {
	azurite := stack.NeedAzurite(t)
	for name, test := range map[string]func(*testing.T, *stack.Storage){
		"AreReadByOthersAndCorrected":     testHomesAreReadByOthersAndCorrected,
		"ExpireAndAreRenewed":             testHomesExpireAndAreRenewed,
		"AreNotWrittenAgainWithoutReason": testHomesAreNotWrittenAgainWithoutReason,
		"OfAnAccountWithoutTheTable":      testHomesOfAnAccountWithoutTheTable,
		"DoNotMeetTheTurns":               testHomesDoNotMeetTheTurns,
	} {
		t.Run(name, func(t *testing.T) { test(t, azurite) })
	}
}

func testHomesAreReadByOthersAndCorrected(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "homes")
	later := time.Now().Add(time.Hour)
	for _, id := range []string{"resp_1", "file-a", "assistant-B", "a/b", "é"} {
		setHome(t, table, id, "west", later)
		wantHome(t, azurite, "homes", id, "west")
	}
	setHome(t, table, "resp_1", "east", later)
	wantHome(t, azurite, "homes", "resp_1", "east")
	wantHome(t, azurite, "homes", "file-a", "west")
	wantHome(t, azurite, "homes", "resp_2", "")
}

func testHomesExpireAndAreRenewed(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "expiry")
	setHome(t, table, "resp_1", "west", time.Now().Add(-time.Second))
	wantHome(t, azurite, "expiry", "resp_1", "")
	setHome(t, table, "resp_1", "west", time.Now().Add(time.Hour))
	wantHome(t, azurite, "expiry", "resp_1", "west")
}

func testHomesAreNotWrittenAgainWithoutReason(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "steady")
	setHome(t, table, "resp_1", "west", time.Now().Add(time.Hour))
	before, _ := sdk(t, azurite, "steady").GetEntity(t.Context(), "resp_1", "home", nil)
	setHome(t, table, "resp_1", "west", time.Now().Add(61*time.Minute))
	if after, err := sdk(t, azurite, "steady").GetEntity(t.Context(), "resp_1", "home", nil); err != nil || after.ETag != before.ETag {
		t.Errorf("the row was written again: %v", err)
	}
}

func testHomesOfAnAccountWithoutTheTable(t *testing.T, azurite *stack.Storage) {
	wantHome(t, azurite, "nowhere", "resp_1", "")
	setHome(t, open(t, azurite, "nowhere"), "resp_1", "west", time.Now().Add(time.Hour))
	wantHome(t, azurite, "nowhere", "resp_1", "west")
}

func testHomesDoNotMeetTheTurns(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "shared")
	claim(t, table, "chat", 5, 100)
	setHome(t, table, "chat", "west", time.Now().Add(time.Hour))
	wantTurn(t, claim(t, table, "chat", 1, 0), 105)
	wantHome(t, azurite, "shared", "chat", "west")
}
