package e2e

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// A backend's key is replaced while calls run, in the vault and then at the backend. Nobody notices, and when the vault
// goes away nobody notices that either.
func TestKeys_AreReplacedAndTheVaultLostWithoutAFailedRequest(t *testing.T) {
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	vault, settings := vaultSettings(t, westeurope, eastus)
	p := startHandler(ctx, t, settings)
	mustServe(ctx, t, p.URL)
	mustServe(ctx, t, p.URL)

	var served, failed atomic.Int64
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if a, err := call(ctx, p.URL+chatPath, chatBody); err != nil || a.status != http.StatusOK {
					failed.Add(1)
				} else {
					served.Add(1)
				}
			}
		})
	}
	reads := vault.Requests(westeurope.Name)
	vault.SetSecret(westeurope.Name, "the-new-key")
	westeurope.SetKeys("the-new-key")
	waitServed := func(n int64) {
		until := served.Load() + n
		if err := stack.Until(ctx, func() bool { return served.Load() >= until }); err != nil {
			t.Error(err)
		}
	}
	waitServed(200)
	reads = vault.Requests(westeurope.Name) - reads
	before := westeurope.Calls()
	if err := vault.Close(); err != nil {
		t.Error(err)
	}
	waitServed(200)
	close(stop)
	callers.Wait()
	t.Logf("%d calls served, %d failed; the replaced secret was read %d time(s); westeurope served %d calls after the vault was gone",
		served.Load(), failed.Load(), reads, westeurope.Calls()-before)
	if failed.Load() > 0 || reads != 1 || westeurope.Calls()-before < 80 {
		t.Error("the rotation was noticed")
	}
}
