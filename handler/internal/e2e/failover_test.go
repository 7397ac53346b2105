package e2e

import (
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestFailover_ThrottledBackendIsLeftAloneForAsLongAsItAsked(t *testing.T) {
	const asked = 2500 * time.Millisecond
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
	westeurope.Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "2500"}})

	movedOn, meanwhile := 0, 0
	err := stack.Until(ctx, func() bool {
		a := mustServe(ctx, t, p.URL)
		switch {
		case a.header.Get("x-aoai-attempts") == "2" && a.backend() == "eastus":
			movedOn++
		case movedOn > 0 && a.backend() == "eastus":
			meanwhile++
		}
		return len(westeurope.Received()) >= 2
	})
	if err != nil {
		t.Fatalf("westeurope was not called again: %v", err)
	}
	received := westeurope.Received()
	alone := received[1].Time.Sub(received[0].Time)
	t.Logf("westeurope answered 429 with retry-after-ms 2500: %d call moved on to eastus, %d more went there, westeurope was called again after %v", movedOn, meanwhile, alone.Round(time.Millisecond))
	if movedOn != 1 || meanwhile < 10 || alone < asked || alone > asked+time.Second {
		t.Error("it was not left alone for just as long as it asked")
	}
	for _, e := range requests(ctx, t, p, 1) {
		if len(e.Attempts) == 2 && (e.Attempts[0].Status != 429 || e.Attempts[0].Wait != 2500 || e.Attempts[1].Status != 200) {
			t.Errorf("the access log tells it otherwise: %s", e.Text)
		}
	}
}
