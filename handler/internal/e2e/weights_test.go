package e2e

import (
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// Weights 3:1 over 4,000 calls are 3,000 and 1,000, but for a cycle of each process that took part.
func TestWeights_ThreeToOneOverOneProcessAndTwo(t *testing.T) {
	const calls, cycle = 4000, 4
	ctx := bounded(t, 3*time.Minute)
	azurite := stack.NeedAzurite(t)
	for _, n := range []int{1, 2} {
		westeurope, eastus := backends(t, simulator.Options{Words: 1, NoRecord: true})
		settings := stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString())
		settings["OPENAI_BACKENDS"] = strings.Replace(settings["OPENAI_BACKENDS"], `"name":"westeurope"`, `"name":"westeurope","weight":3`, 1)
		processes := make([]*stack.Process, n)
		warm := 0
		for i := range processes {
			processes[i] = startHandler(ctx, t, settings)
			warmUp(ctx, t, processes[i])
			warm += len(requests(ctx, t, processes[i], 1))
		}
		before := westeurope.Calls()
		if failed := load(ctx, 16, func(i int) (string, bool) { return processes[i%n].URL, i < calls }); failed > 0 {
			t.Errorf("%d calls failed", failed)
		}
		_, locals := turnsOf(ctx, t, processes, warm+calls)
		west := int(westeurope.Calls() - before)
		t.Logf("%d process(es): westeurope %d, eastus %d; %d local turns", n, west, calls-west, locals)
		if off := max(west-3*calls/4, 3*calls/4-west); off > cycle*n+locals {
			t.Errorf("westeurope's share is %d calls off", off)
		}
	}
}
