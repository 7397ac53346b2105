package store_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
)

func TestReports(t *testing.T) {
	azurite := stack.NeedAzurite(t)
	for name, test := range map[string]func(*testing.T, *stack.Storage){
		"AreReadByOthersAndReplaced":   testReportsAreReadByOthersAndReplaced,
		"OfAnAccountWithoutTheTable":   testReportsOfAnAccountWithoutTheTable,
		"AreSweptByAge":                testReportsAreSweptByAge,
		"AreBoundedAcrossPages":        testReportsAreBoundedAcrossPages,
		"DoNotMeetTheTurnsOfAnAccount": testReportsDoNotMeetTheTurns,
	} {
		t.Run(name, func(t *testing.T) { test(t, azurite) })
	}
}

func testReportsAreReadByOthersAndReplaced(t *testing.T, azurite *stack.Storage) {
	long := strings.Repeat("x", 30<<10)
	for _, text := range []string{"first", long} {
		if err := open(t, azurite, "reports").SetReport(t.Context(), "one", []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := open(t, azurite, "reports").Reports(t.Context(), time.Minute, 10)
		if err != nil || len(got) != 1 || got[0].Instance != "one" || string(got[0].Text) != text || got[0].Age > 30*time.Second {
			t.Errorf("%v, %d reports", err, len(got))
		}
	}
}

func testReportsOfAnAccountWithoutTheTable(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "noreports")
	if got, err := table.Reports(t.Context(), time.Minute, 10); err != nil || len(got) != 0 {
		t.Errorf("%v, %d reports", err, len(got))
	}
	if err := table.SweepReports(t.Context(), time.Minute, 10); err != nil {
		t.Error(err)
	}
}

func testReportsAreSweptByAge(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "swept")
	for n := range 3 {
		if err := table.SetReport(t.Context(), strconv.Itoa(n), nil); err != nil {
			t.Fatal(err)
		}
	}
	// A moment to come is later than all of them.
	for _, row := range []struct {
		longerAgo time.Duration
		most      int
		left      int
	}{{time.Minute, 10, 3}, {-time.Hour, 2, 1}, {-time.Hour, 10, 0}} {
		if err := table.SweepReports(t.Context(), row.longerAgo, row.most); err != nil {
			t.Fatal(err)
		}
		if got, err := table.Reports(t.Context(), time.Minute, 10); err != nil || len(got) != row.left {
			t.Errorf("%v, %d left after a sweep of %+v", err, len(got), row)
		}
	}
}

func testReportsAreBoundedAcrossPages(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "pages")
	for n := range 130 {
		if err := table.SetReport(t.Context(), strconv.Itoa(n), nil); err != nil {
			t.Fatal(err)
		}
	}
	for most, want := range map[int]int{5: 5, 110: 110, 500: 130} {
		if got, err := table.Reports(t.Context(), time.Hour, most); err != nil || len(got) != want {
			t.Errorf("%v, %d of at most %d", err, len(got), most)
		}
	}
}

func testReportsDoNotMeetTheTurns(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "besides")
	claim(t, table, "chat", 5, 100)
	if err := table.SetReport(t.Context(), "turns", []byte("x")); err != nil {
		t.Fatal(err)
	}
	wantTurn(t, claim(t, table, "chat", 1, 0), 105)
	if got, err := table.Reports(t.Context(), time.Minute, 10); err != nil || len(got) != 1 {
		t.Errorf("%v, %d reports", err, len(got))
	}
}
