package store_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/store"
)

// Tests that need no storage of their own share one.
func TestTable(t *testing.T) {
	azurite := stack.NeedAzurite(t)
	for name, test := range map[string]func(*testing.T, *stack.Storage){
		"Conforms":                             testTableConforms,
		"TwoTablesAtOnce":                      testTwoTablesAtOnce,
		"ReportsAConflict":                     testReportsAConflict,
		"CreatesTheTableAlsoAfterItWasDeleted": testCreatesTheTableAlsoAfterItWasDeleted,
		"RowIsAsDocumented":                    testRowIsAsDocumented,
		"GarbledRowIsReportedAndLeftAlone":     testGarbledRowIsReportedAndLeftAlone,
		"KeepsOtherPropertiesOfTheRow":         testKeepsOtherPropertiesOfTheRow,
	} {
		t.Run(name, func(t *testing.T) { test(t, azurite) })
	}
}

func testTableConforms(t *testing.T, azurite *stack.Storage) {
	tables := 0
	testCounter(t, func(t *testing.T) rotation.Counter {
		tables++
		return open(t, azurite, "conformance"+strconv.Itoa(tables))
	})
}

// open returns a table with connections of its own.
func open(t *testing.T, s *stack.Storage, name string) *store.Table {
	t.Helper()
	table, err := store.Connect(store.Connection{ConnectionString: s.ConnectionString(), Table: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// sdk is the same table through the bare SDK.
func sdk(t *testing.T, s *stack.Storage, name string) *aztables.Client {
	t.Helper()
	service, err := aztables.NewServiceClientFromConnectionString(s.ConnectionString(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return service.NewClient(name)
}

func testTwoTablesAtOnce(t *testing.T, azurite *stack.Storage) {
	checkBlocks(t, claimAtOnce(t, []rotation.Counter{open(t, azurite, "both"), open(t, azurite, "both")}))
}

func testReportsAConflict(t *testing.T, azurite *stack.Storage) {
	const rivals = 8
	conflicts := 0
	var mu sync.Mutex
	for round := range 10 { // the first inserts, the others update
		var wg sync.WaitGroup
		for range rivals {
			table := open(t, azurite, "rivals")
			wg.Go(func() {
				_, err := table.Claim(t.Context(), rotation.Claim{Deployment: "chat", Count: 1})
				if err == nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				conflicts++
				if !errors.Is(err, rotation.ErrConflict) {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		wg.Wait()
	}
	if conflicts == 0 {
		t.Error("no two of the rivals met: nothing was tested")
	}
}

func testCreatesTheTableAlsoAfterItWasDeleted(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "lost")
	wantTurn(t, claim(t, table, "chat", 5, 100), 100)
	if _, err := sdk(t, azurite, "lost").Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantTurn(t, claim(t, table, "chat", 1, 200), 200)
}

func testRowIsAsDocumented(t *testing.T, azurite *stack.Storage) {
	claim(t, open(t, azurite, "shape"), "*", 5, 1<<60)
	got, err := sdk(t, azurite, "shape").GetEntity(t.Context(), "~2A", "turns", nil)
	if err != nil {
		t.Fatal(err)
	}
	var e aztables.EDMEntity
	if err := json.Unmarshal(got.Value, &e); err != nil {
		t.Fatal(err)
	}
	if e.Properties["Next"] != aztables.EDMInt64(1<<60+5) {
		t.Errorf("Next is %T %v", e.Properties["Next"], e.Properties["Next"])
	}
}

func testGarbledRowIsReportedAndLeftAlone(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "garbled")
	claim(t, table, "fine", 1, 0)
	client := sdk(t, azurite, "garbled")
	for name, property := range map[string]string{
		"missing": `"Other":1`, "text": `"Next":"soon"`, "small": `"Next":7`, "fraction": `"Next":1.5`,
		"negative": `"Next@odata.type":"Edm.Int64","Next":"-1"`,
	} {
		t.Run(name, func(t *testing.T) {
			row := `{"PartitionKey":"` + name + `","RowKey":"turns",` + property + `}`
			if _, err := client.AddEntity(t.Context(), []byte(row), nil); err != nil {
				t.Fatal(err)
			}
			before, _ := client.GetEntity(t.Context(), name, "turns", nil)
			_, err := table.Claim(t.Context(), rotation.Claim{Deployment: name, Count: 1, Start: 1})
			if err == nil || errors.Is(err, rotation.ErrConflict) || !strings.Contains(err.Error(), "Next is no Int64") {
				t.Errorf("got %v", err)
			}
			if after, err := client.GetEntity(t.Context(), name, "turns", nil); err != nil || after.ETag != before.ETag {
				t.Errorf("the row was changed: %v", err)
			}
		})
	}
}

func testKeepsOtherPropertiesOfTheRow(t *testing.T, azurite *stack.Storage) {
	table := open(t, azurite, "merged")
	claim(t, table, "chat", 1, 5)
	client := sdk(t, azurite, "merged")
	note := `{"PartitionKey":"chat","RowKey":"turns","Note":"kept"}`
	if _, err := client.UpdateEntity(t.Context(), []byte(note), nil); err != nil {
		t.Fatal(err)
	}
	wantTurn(t, claim(t, table, "chat", 1, 0), 6)
	if e, err := client.GetEntity(t.Context(), "chat", "turns", nil); err != nil || !strings.Contains(string(e.Value), "kept") {
		t.Errorf("%v: %s", err, e.Value)
	}
}

// news is what Turns said about storage.
type news struct {
	outages    chan error
	recoveries chan struct{}
}

func newTurns(counter rotation.Counter) (*rotation.Turns, news) {
	n := news{outages: make(chan error, 100), recoveries: make(chan struct{}, 100)}
	return rotation.NewTurns(rotation.Options{
		Counter:    counter,
		Cycle:      2,
		OnOutage:   func(err error) { n.outages <- err },
		OnRecovery: func() { n.recoveries <- struct{}{} },
	}), n
}

func TestTurns_StorageKilledAndBack(t *testing.T) {
	azurite := stack.NeedAzurite(t)
	turns, news := newTurns(open(t, azurite, "outage"))
	until := time.Now().Add(time.Minute)
	takeUntil := func(what string, reached func() bool) (last rotation.Turn) {
		for !reached() {
			began := time.Now()
			if last = turns.Take(t.Context(), "chat"); time.Since(began) > time.Second {
				t.Errorf("a turn took %v", time.Since(began))
			}
			if time.Now().After(until) {
				t.Fatalf("%s: not within a minute, %+v", what, turns.Stats())
			}
		}
		return last
	}
	takeUntil("first turns", func() bool { return turns.Stats().TableTurns > 50 })
	azurite.Kill()
	takeUntil("outage", func() bool { return len(news.outages) > 0 && turns.Stats().LocalTurns > 1000 })
	if err := azurite.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := turns.Stats().TableTurns
	last := takeUntil("recovery", func() bool { return len(news.recoveries) > 0 && turns.Stats().TableTurns > before+50 })
	if err := <-news.outages; !strings.HasPrefix(err.Error(), "table storage: read row turns: ") {
		t.Errorf("the outage was said to be %q", err)
	}
	if len(news.outages) != 0 || len(news.recoveries) != 1 || turns.Stats().Outage {
		t.Errorf("%d more outages, %d recoveries, %+v, want one of each", len(news.outages), len(news.recoveries), turns.Stats())
	}
	t.Logf("last turn %v, %+v", last, turns.Stats())
}
