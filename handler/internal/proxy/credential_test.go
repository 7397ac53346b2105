package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
)

func newTokens(first string) *tokens {
	f := new(tokens)
	f.current.Store(first)
	return f
}

// acceptTokens makes a simulator take just these tokens: with keys of its own that nobody has.
func acceptTokens(r *rig, name string, accepted ...string) *simulator.OpenAI {
	openai := simulator.New(simulator.Options{Name: name, Tokens: accepted})
	r.network.Close(name + ".test:80")
	r.serve(name+".test:80", openai)
	return openai
}

// onTokens runs the test in a bubble on n backends, of which the first takes just one token and the identity has another,
// or the same.
func onTokens(t *testing.T, n int, has, accepted string, test func(r *rig, f *tokens, a *simulator.OpenAI)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newTokens(has)
		r := newRig(t, n, []setting{f.entra(0)})
		defer r.close()
		a := acceptTokens(r, "a", accepted)
		synctest.Wait()
		test(r, f, a)
	})
}

func TestRenewal_ARefusedCredentialThatChangedIsTriedAgainAtTheSameBackend(t *testing.T) {
	onTokens(t, 2, "old", "new", func(r *rig, f *tokens, _ *simulator.OpenAI) {
		f.current.Store("new")
		r.want(r.ask(), 200, "a", "2")
		if got := r.outcomes(); got != "credential_renewed ok" {
			t.Errorf("attempts: %s", got)
		}
		wantBack(t, r, 0)
	})
}

func TestRenewal_OneReadServesAllRequestsAndIsNotRepeatedFor30Seconds(t *testing.T) {
	onTokens(t, 2, "wrong", "right", func(r *rig, f *tokens, _ *simulator.OpenAI) {
		before := f.asked.Load()
		answers := make(chan reply, 20)
		for range cap(answers) {
			go func() { answers <- r.ask() }()
		}
		for range cap(answers) {
			r.want200(<-answers)
		}
		if n := f.asked.Load() - before; n != 1 {
			t.Errorf("the identity was asked %d times", n)
		}
		if block := r.health.Blocks("other")[0]; block.Cause != backend.Unauthorized || time.Until(block.Until) != time.Minute {
			t.Errorf("backend a is %v for %v", block.Cause, time.Until(block.Until))
		}
	})
}

func (r *rig) want200(got reply) {
	r.t.Helper()
	if got.status != 200 {
		r.t.Errorf("answered %d: %s", got.status, got.body)
	}
}

func TestPermissionDenied_OfAnEntraBackendMovesOnAndCostsNothing(t *testing.T) {
	denied := simulator.Step{Status: 401, Body: `{"error":{"code":"PermissionDenied","message":"lacks the data action"}}`}
	onTokens(t, 2, "token", "token", func(r *rig, _ *tokens, a *simulator.OpenAI) {
		a.Script(denied)
		r.want(r.ask(), 200, "b", "2")
		if got := r.outcomes(); got != "permission_denied ok" {
			t.Errorf("attempts: %s", got)
		}
		wantBack(t, r, 0)
	})
}
