package e2e

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestCounter_TwoProcessesNeverGiveATurnTwice(t *testing.T) {
	const calls, callers, cycle = 4000, 32, 2
	ctx := bounded(t, 3*time.Minute)
	azurite := stack.NeedAzurite(t)
	table := startTableProxy(t, azurite)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	settings := stack.NewSettings(westeurope, eastus).WithCounter(table.connectionString)
	processes := []*stack.Process{startHandler(ctx, t, settings), startHandler(ctx, t, settings)}
	warm := 0
	for _, p := range processes {
		warmUp(ctx, t, p)
		warm += len(requests(ctx, t, p, 1))
	}
	westeurope.Forget()
	eastus.Forget()
	updates, conflicts := table.updates.Load(), table.conflicts.Load()
	began := time.Now()
	failed := load(ctx, callers, func(i int) (string, bool) { return processes[i%len(processes)].URL, i < calls })
	took := time.Since(began)
	if failed > 0 {
		t.Errorf("%d of %d calls failed", failed, calls)
	}
	turns, locals := turnsOf(ctx, t, processes, warm+calls)
	west, east := len(westeurope.Received()), len(eastus.Received())
	t.Logf("%d calls, %d at a time, by %d processes in %v: westeurope %d, eastus %d; %d table turns, %d local ones; %d table updates, %d conflicts",
		calls, callers, len(processes), took.Round(time.Millisecond), west, east, len(turns), locals, table.updates.Load()-updates, table.conflicts.Load()-conflicts)
	if n := table.updates.Load() - updates; n > calls/20 {
		t.Errorf("%d calls took %d table updates: turns are not taken ahead", calls, n)
	}
	slices.Sort(turns)
	if distinct := slices.Compact(slices.Clone(turns)); len(distinct) != len(turns) {
		t.Errorf("%d of %d table turns were given more than once", len(turns)-len(distinct), len(turns))
	}
	if off := max(west-calls/2, calls/2-west); off > cycle*len(processes)+locals {
		t.Errorf("westeurope's share is %d calls off: more than a cycle of %d for each of %d processes, with %d local turns", off, cycle, len(processes), locals)
	}
}

// load makes calls by so many callers at once, as long as there is an address for the next, and counts those that were
// not answered with 200.
func load(ctx context.Context, callers int, next func(call int) (url string, more bool)) (failed int64) {
	var taken, failures atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				url, more := next(int(taken.Add(1)) - 1)
				if !more {
					return
				}
				if a, err := call(ctx, url+chatPath, chatBody); err != nil || a.status != http.StatusOK {
					failures.Add(1)
				}
			}
		})
	}
	all.Wait()
	return failures.Load()
}

// turnsOf gathers the table turns that the processes logged, and how many others there were.
func turnsOf(ctx context.Context, t *testing.T, processes []*stack.Process, calls int) (turns []string, locals int) {
	t.Helper()
	var entries []stack.Entry
	err := stack.Until(ctx, func() bool {
		entries = nil
		for _, p := range processes {
			entries = append(entries, requests(ctx, t, p, 0)...)
		}
		return len(entries) >= calls
	})
	if err != nil {
		t.Fatalf("the access logs show %d calls of %d", len(entries), calls)
	}
	for _, e := range entries {
		if isLocal(e.Turn) {
			locals++
		} else {
			turns = append(turns, e.Turn)
		}
	}
	return turns, locals
}
