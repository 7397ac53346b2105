package e2e

import (
	"context"
	"net/http"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestSharedCooldown_AnInstanceThatWasNotToldLeavesAThrottledBackendAlone(t *testing.T) {
	const asked = 20 * time.Second
	// The longest time from one reading of the row to the next, and what a write, a read and a call may take here.
	const learned = 3*time.Second + 500*time.Millisecond
	ctx := bounded(t, 2*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	settings := stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString())
	told, other := startHandler(ctx, t, settings), startHandler(ctx, t, settings)
	warmUp(ctx, t, told)
	// Both read what is shared by now, each at its own times.
	callFor(ctx, t, other, 5*time.Second)

	westeurope.Script(simulator.Step{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "20"}})
	mustSee(ctx, t, told, func(a answer) bool { return a.header.Get("x-aoai-attempts") == "2" })
	throttled, before := time.Now(), westeurope.Calls()
	last, calls := callFor(ctx, t, other, 10*time.Second)
	meanwhile := westeurope.Calls() - before
	mustSee(ctx, t, other, func(a answer) bool { return a.backend() == westeurope.Name })
	back := time.Since(throttled)

	t.Logf("westeurope answered one process 429 with Retry-After 20: the other called it %d times more, the last time %v later, then %d times eastus alone, and westeurope again after %v",
		meanwhile, last.Round(time.Millisecond), calls, back.Round(time.Millisecond))
	if last > learned {
		t.Errorf("it learned of the cooldown only after %v", last)
	}
	if back < asked-time.Second || back > asked+2*time.Second {
		t.Errorf("westeurope was called again after %v, having asked for %v", back, asked)
	}
	for _, e := range requests(ctx, t, other, 1) {
		for _, a := range e.Attempts {
			if a.Status != http.StatusOK {
				t.Errorf("it was told so itself: %s", e.Text)
			}
		}
	}
}

// mustSee calls until an answer matches.
func mustSee(ctx context.Context, t *testing.T, p *stack.Process, matches func(answer) bool) {
	t.Helper()
	if err := stack.Until(ctx, func() bool { return matches(mustServe(ctx, t, p.URL)) }); err != nil {
		t.Fatal(err)
	}
}

// callFor calls for some time. It gives how long after its beginning westeurope answered last, and the number of calls
// since.
func callFor(ctx context.Context, t *testing.T, p *stack.Process, d time.Duration) (last time.Duration, calls int) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < d {
		calls++
		if mustServe(ctx, t, p.URL).backend() == "westeurope" {
			last, calls = time.Since(began), 0
		}
	}
	return last, calls
}
