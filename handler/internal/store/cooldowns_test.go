package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"aoai-balancer/handler/internal/cooldown"
	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/store"
)

// Tests that need no storage of their own share one.
func TestCooldowns(t *testing.T) {
	azurite := stack.NeedAzurite(t)
	for name, test := range map[string]func(*testing.T, *stack.Storage){
		"WhatIsSetIsRead":                     testWhatIsSetIsRead,
		"AMissingRowIsEmptyAndDated":          testAMissingRowIsEmptyAndDated,
		"OnlyWhatWasReadLastIsReplaced":       testOnlyWhatWasReadLastIsReplaced,
		"OfManyAtOnceOneWins":                 testOfManyAtOnceOneWins,
		"RowIsAsDocumentedBesideTheTurns":     testRowIsAsDocumentedBesideTheTurns,
		"GarbledRowIsEmptyAndCanBeReplaced":   testGarbledRowIsEmptyAndCanBeReplaced,
		"SixtyFourBackendsWithLongNamesFit":   testSixtyFourBackendsWithLongNamesFit,
		"TableThatWasDeletedIsCreatedByARead": testTableThatWasDeletedIsCreatedByARead,
	} {
		t.Run(name, func(t *testing.T) { test(t, azurite) })
	}
}

func readEnds(t *testing.T, table *store.Table, deployment string) cooldown.Row {
	t.Helper()
	row, err := table.Cooldowns(t.Context(), deployment)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func setEnds(t *testing.T, table *store.Table, deployment string, read cooldown.Row, ends map[string]cooldown.End) {
	t.Helper()
	if err := table.SetCooldowns(t.Context(), deployment, read, ends); err != nil {
		t.Fatal(err)
	}
}

// aMinute is one cooldown of each kind.
func aMinute() map[string]cooldown.End {
	at := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	return map[string]cooldown.End{"west.europe-1": {Until: at}, "eastus": {Until: at.Add(1001 * time.Millisecond), Failed: true}}
}

func testWhatIsSetIsRead(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "ends")
	for _, deployment := range []string{"chat", "*", "chat.", "größe/7"} {
		for _, ends := range []map[string]cooldown.End{aMinute(), {}, aMinute()} {
			setEnds(t, table, deployment, readEnds(t, table, deployment), ends)
			if got := readEnds(t, open(t, azurite, "ends"), deployment); !maps.EqualFunc(got.Ends, ends, func(a, b cooldown.End) bool {
				return a.Until.Equal(b.Until) && a.Failed == b.Failed
			}) {
				t.Errorf("%s: read %v, want %v", deployment, got.Ends, ends)
			}
		}
	}
}

func testAMissingRowIsEmptyAndDated(t *testing.T, azurite *stack.Storage) {
	row := readEnds(t, open(t, azurite, "missing"), "chat")
	if age := time.Since(row.Date); len(row.Ends) > 0 || row.Version != "" || age < -time.Second || age > 5*time.Second {
		t.Errorf("read %+v", row)
	}
}

func testOnlyWhatWasReadLastIsReplaced(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "swaps")
	missing := readEnds(t, table, "chat")
	setEnds(t, table, "chat", missing, aMinute())
	first := readEnds(t, table, "chat")
	setEnds(t, table, "chat", first, aMinute())
	for name, read := range map[string]cooldown.Row{"missing": missing, "of before": first} {
		if err := table.SetCooldowns(t.Context(), "chat", read, nil); !errors.Is(err, cooldown.ErrConflict) {
			t.Errorf("a row that was read as %s was set: %v", name, err)
		}
	}
	last := readEnds(t, table, "chat")
	if _, err := sdk(t, azurite, "swaps").DeleteEntity(t.Context(), "chat", "cooldowns", nil); err != nil {
		t.Fatal(err)
	}
	if err := table.SetCooldowns(t.Context(), "chat", last, nil); !errors.Is(err, cooldown.ErrConflict) {
		t.Errorf("a row that was deleted was set: %v", err)
	}
	if len(last.Ends) != 2 {
		t.Errorf("a conflict changed the row to %v", last.Ends)
	}
}

func testOfManyAtOnceOneWins(t *testing.T, azurite *stack.Storage) {
	for round := range 10 { // the first inserts, the others update
		read := readEnds(t, open(t, azurite, "race"), "chat")
		var mu sync.Mutex
		won := 0
		var all sync.WaitGroup
		for range 8 {
			table := open(t, azurite, "race")
			all.Go(func() {
				err := table.SetCooldowns(t.Context(), "chat", read, aMinute())
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, cooldown.ErrConflict) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		all.Wait()
		if won != 1 {
			t.Errorf("round %d: %d of 8 wrote the row", round, won)
		}
	}
}

func testRowIsAsDocumentedBesideTheTurns(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "beside")
	wantTurn(t, claim(t, table, "*", 1, 7), 7)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("elsewhere", 3600))
	setEnds(t, table, "*", readEnds(t, table, "*"), map[string]cooldown.End{"eastus": {Until: at, Failed: true}, "westeurope": {Until: at.Add(time.Hour)}})
	got, err := sdk(t, azurite, "beside").GetEntity(t.Context(), "~2A", "cooldowns", nil)
	if err != nil {
		t.Fatal(err)
	}
	var e aztables.EDMEntity
	if err := json.Unmarshal(got.Value, &e); err != nil {
		t.Fatal(err)
	}
	const want = `{"eastus":{"until":"2026-01-02T02:04:05.006Z","cause":"failed"},"westeurope":{"until":"2026-01-02T03:04:05.006Z","cause":"throttled"}}`
	if len(e.Properties) != 1 || e.Properties["Ends"] != want {
		t.Errorf("the row has %v", e.Properties)
	}
	wantTurn(t, claim(t, table, "*", 1, 0), 8)
}

func testGarbledRowIsEmptyAndCanBeReplaced(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "garbledends")
	readEnds(t, table, "any")
	long := strings.Repeat(" ", 20<<10)
	for name, value := range map[string]string{
		"none": `"Other":1`, "number": `"Ends":7`, "text": `"Ends":"soon"`, "array": `"Ends":"[]"`, "null": `"Ends":"null"`,
		"time": `"Ends":"{\"a\":{\"until\":\"soon\",\"cause\":\"failed\"}}"`, "cause": `"Ends":"{\"a\":{\"until\":\"2099-01-01T00:00:00Z\",\"cause\":\"bored\"}}"`,
		"long": `"Ends":"{` + long + `\"a\":{\"until\":\"2099-01-01T00:00:00Z\",\"cause\":\"failed\"}}"`,
	} {
		t.Run(name, func(t *testing.T) {
			row := `{"PartitionKey":"` + name + `","RowKey":"cooldowns",` + value + `}`
			if _, err := sdk(t, azurite, "garbledends").AddEntity(t.Context(), []byte(row), nil); err != nil {
				t.Fatal(err)
			}
			read := readEnds(t, table, name)
			if len(read.Ends) > 0 {
				t.Errorf("read %v", read.Ends)
			}
			setEnds(t, table, name, read, aMinute())
			if n := len(readEnds(t, table, name).Ends); n != 2 {
				t.Errorf("read %d ends after setting 2", n)
			}
		})
	}
}

func testSixtyFourBackendsWithLongNamesFit(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "many")
	ends := map[string]cooldown.End{}
	for i := range 64 {
		ends[strings.Repeat("x", 61)+fmt.Sprintf("%02d", i)] = cooldown.End{Until: time.Now().Add(time.Hour)}
	}
	setEnds(t, table, "chat", readEnds(t, table, "chat"), ends)
	if n := len(readEnds(t, table, "chat").Ends); n != 64 {
		t.Errorf("read %d ends", n)
	}
	ends[strings.Repeat("x", 16<<10)] = cooldown.End{}
	if err := table.SetCooldowns(t.Context(), "chat", readEnds(t, table, "chat"), ends); err == nil || errors.Is(err, cooldown.ErrConflict) {
		t.Errorf("a row that is too long gave %v", err)
	}
}

func testTableThatWasDeletedIsCreatedByARead(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "lostends")
	setEnds(t, table, "chat", readEnds(t, table, "chat"), aMinute())
	if _, err := sdk(t, azurite, "lostends").Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	row := readEnds(t, table, "chat")
	if len(row.Ends) > 0 || row.Version != "" {
		t.Errorf("read %+v", row)
	}
	setEnds(t, table, "chat", row, aMinute())
}

func TestCooldowns_AnswersThatAreNotStoragesAreClearErrors(t *testing.T) {
	undated := func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		answer(404, fmt.Sprintf(odataError, "ResourceNotFound"))(w, r)
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"403":            {answer(403, fmt.Sprintf(odataError, "AuthorizationFailure")), "read row cooldowns: answered 403 AuthorizationFailure"},
		"404 of a proxy": {answer(404, "not here"), "read row cooldowns: answered 404"},
		"HTML 200":       {answer(200, "<html>log in</html>", "ETag", "x"), "read row cooldowns: "},
		"no ETag":        {answer(200, `{}`), "without an ETag"},
		"no date":        {undated, "read row cooldowns: the answer came without a Date"},
		"a strange date": {answer(200, `{}`, "ETag", "x", "Date", "today"), "read row cooldowns: "},
		"closed":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "read row cooldowns: EOF"},
	} {
		for kind, table := range pretend(t, c.handler) {
			t.Run(name+" by "+kind, func(t *testing.T) {
				_, err := table.Cooldowns(t.Context(), "chat")
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want an error with %q", err, c.want)
				}
				checkError(t, err)
			})
		}
	}
}

func TestCooldowns_AWriteThatFailsIsNoConflict(t *testing.T) {
	for kind, table := range pretend(t, answer(403, "")) {
		for _, read := range []cooldown.Row{{}, {Version: `W/"1"`}} {
			err := table.SetCooldowns(t.Context(), "chat", read, nil)
			if err == nil || errors.Is(err, cooldown.ErrConflict) || !strings.Contains(err.Error(), "row cooldowns: answered 403") {
				t.Errorf("by %s: %v", kind, err)
			}
			checkError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		if _, err := table.Cooldowns(ctx, "chat"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("by %s: %v", kind, err)
		}
		cancel()
	}
}
