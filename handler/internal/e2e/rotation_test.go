package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestRotation_1000CallsInARowSplit500To500(t *testing.T) {
	ctx := bounded(t, 2*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString()))
	for range 3 { // a machine too busy to answer a claim in time makes turns local, which is no mistake: then again
		warmUp(ctx, t, p)
		before := len(requests(ctx, t, p, 0))
		westeurope.Forget()
		eastus.Forget()
		for range 1000 {
			mustServe(ctx, t, p.URL)
		}
		if slices.ContainsFunc(requests(ctx, t, p, before+1000)[before:], func(e stack.Entry) bool { return isLocal(e.Turn) }) {
			t.Log("storage was slow for a moment, and a turn was taken without it")
			continue
		}
		west, east := len(westeurope.Received()), len(eastus.Received())
		t.Logf("1,000 calls: westeurope %d, eastus %d", west, east)
		if west != 500 || east != 500 {
			t.Errorf("1,000 calls were split %d : %d", west, east)
		}
		return
	}
	t.Error("storage was too slow in each of three rounds")
}

// warmUp calls until turns come from the table: it does not exist at first, and no request waits for that.
func warmUp(ctx context.Context, t *testing.T, p *stack.Process) {
	t.Helper()
	for n := len(requests(ctx, t, p, 0)) + 1; ; n++ {
		mustServe(ctx, t, p.URL)
		if calls := requests(ctx, t, p, n); !isLocal(calls[n-1].Turn) {
			return
		}
	}
}
