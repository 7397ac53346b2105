package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestCounter_OutageUnderLoadCostsNoRequest(t *testing.T) {
	ctx := bounded(t, 2*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1, FirstDelay: 10 * time.Millisecond})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString()))
	warmUp(ctx, t, p)
	loading, enough := context.WithCancel(ctx)
	defer enough()
	failures := make(chan int64, 1)
	before := westeurope.Calls() + eastus.Calls()
	go func() {
		failures <- load(ctx, 8, func(int) (string, bool) { return p.URL, loading.Err() == nil })
	}()

	azurite.Kill()
	mustLog(ctx, t, p, p.Log.Len(), func(e stack.Entry) bool { return isLocal(e.Turn) })
	killed := p.Log.Len()
	if err := azurite.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	mustLog(ctx, t, p, killed, func(e stack.Entry) bool { return e.Event == "counter_shared" })
	mustLog(ctx, t, p, p.Log.Len(), func(e stack.Entry) bool { return e.Turn != "" && !isLocal(e.Turn) })
	enough()

	failed, calls := <-failures, westeurope.Calls()+eastus.Calls()-before
	t.Logf("%d calls while storage was killed and started again: %d failed", calls, failed)
	if failed > 0 || calls == 0 {
		t.Errorf("%d of %d calls failed", failed, calls)
	}
	for _, event := range []string{"counter_local", "counter_shared"} {
		if said := p.Log.Events(event); len(said) != 1 {
			t.Errorf("the log says %s %d times: %+v", event, len(said), said)
		}
	}
}

// mustLog waits for an event, from number n of the log on.
func mustLog(ctx context.Context, t *testing.T, p *stack.Process, n int, matches func(stack.Entry) bool) {
	t.Helper()
	if err := stack.Until(ctx, func() bool { return slices.ContainsFunc(p.Log.Since(n), matches) }); err != nil {
		t.Fatalf("the log does not show what was awaited: %v", err)
	}
}
