package e2e

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestStatusPage_ShowsACooldownRunDownAndTheSharesMove(t *testing.T) {
	ctx := bounded(t, 3*time.Minute)
	program := stack.NeedChromium(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))

	calling, stop := context.WithCancelCause(ctx)
	failed := make(chan error, 1)
	go func() { failed <- callUntilDone(calling, p.URL) }()
	cmd := program(ctx, "page_live.mjs", p.URL+"/status", "gpt", eastus.Name, eastus.URL)
	said, err := cmd.CombinedOutput()
	stop(errWatched)
	if callFailed := <-failed; callFailed != nil {
		t.Errorf("a caller was not served: %v", callFailed)
	}
	if err != nil {
		t.Fatalf("page_live.mjs: %v\n%s", err, said)
	}
	t.Logf("the page showed %s", bytes.TrimSpace(said))
}

func TestStatusPage_OfEachInstanceShowsBoth(t *testing.T) {
	ctx := bounded(t, 3*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	settings := stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString())
	instances := []*stack.Process{startHandler(ctx, t, settings), startHandler(ctx, t, settings)}
	for _, p := range instances {
		mustServe(ctx, t, p.URL)
	}
	for _, p := range instances {
		showsStatus(ctx, t, p.URL+"/status", "gpt", "2 instances with traffic")
	}
}

// showsStatus looks for texts on a status page in a browser.
func showsStatus(ctx context.Context, t *testing.T, address string, texts ...string) {
	t.Helper()
	program := stack.NeedChromium(t)
	said, err := program(ctx, "page_shows.mjs", append([]string{address}, texts...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("page_shows.mjs: %v\n%s", err, said)
	}
	t.Logf("the page says %s", bytes.TrimSpace(said))
}

var errWatched = errors.New("the page was watched to the end")

// callUntilDone makes up to a hundred calls a second.
func callUntilDone(ctx context.Context, base string) error {
	var failed error
	_ = stack.Until(ctx, func() bool {
		a, err := call(ctx, base+chatPath, chatBody)
		switch {
		case context.Cause(ctx) != nil:
		case err != nil:
			failed = err
		case a.status != 200:
			failed = errors.New(a.body)
		}
		return failed != nil
	})
	return failed
}
