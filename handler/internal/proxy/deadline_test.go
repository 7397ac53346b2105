package proxy_test

import (
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
)

func attemptTimeout(d time.Duration) setting {
	return func(_ *rig, p *plan) { p.options.AttemptTimeout = d }
}

func TestDeadline_ARequestThatNobodyAnswersEndsIn504BeforeThePlatformCuts(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Hang: true})
		got := r.ask()
		if got.status != 504 || got.code() != "backend_timeout" || got.took != 220*time.Second || got.header.Get("x-should-retry") != "false" {
			t.Errorf("answered %d after %v: %v %s", got.status, got.took, got.header, got.body)
		}
		r.wantCalls(1, 0) // it may have been billed: it is not sent again
		if line := r.logged()[0]; line["attempts"].([]any)[0].(map[string]any)["maybe_billed"] != true {
			t.Errorf("logged: %v", line)
		}
	})
}

func TestDeadline_HeadersWithoutAFirstByteCountAsNoAnswer(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Stall: -1})
		if got := r.stream(); got.status != 504 || got.took != 220*time.Second {
			t.Errorf("answered %d after %v", got.status, got.took)
		}
	})
}

func TestDeadline_AttemptTimeoutMovesOn(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for range 3 {
			r.backends[0].Script(simulator.Step{Hang: true})
		}
		got := r.ask()
		r.want(got, 200, "b", "2")
		if got.took != 30*time.Second {
			t.Errorf("took %v", got.took)
		}
		r.ask()
		r.ask()
		r.ask()
		r.ask()
		if cause := r.health.Blocks("gpt")[0].Cause; cause != backend.Failed {
			t.Errorf("after three timeouts backend a is %v", cause)
		}
	}, attemptTimeout(30*time.Second))
}

func TestDeadline_AttemptTimeoutDoesNotCutAnAnswerThatBegan(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{EventDelay: 20 * time.Second})
		if got := r.stream(); got.status != 200 || got.err != nil || got.took < 100*time.Second {
			t.Errorf("answered %d after %v: %v", got.status, got.took, got.err)
		}
	}, attemptTimeout(30*time.Second))
}

func TestDeadline_ARegionThatIsGoneCostsTwoSeconds(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.network.BlackHole("a.test:80")
		got := r.ask()
		r.want(got, 200, "b", "2")
		if got.took != 2*time.Second {
			t.Errorf("took %v", got.took)
		}
		if got := r.outcomes(); got != "unreachable ok" {
			t.Errorf("attempts: %s", got)
		}
		if line := r.logged()[0]; line["attempts"].([]any)[0].(map[string]any)["maybe_billed"] != nil {
			t.Error("a request that never left is logged as maybe billed")
		}
	})
}

func TestFailover_AConnectionThatWaitedTooLongSaysNothingAboutItsBackend(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.want(r.ask(), 200, "a", "1")
		r.want(r.ask(), 200, "b", "1")
		r.backends[0].Script(simulator.Step{Reset: true})
		r.want(r.ask(), 200, "b", "2")
		if got := r.outcomes(); got != "stale_connection ok" {
			t.Errorf("attempts: %s", got)
		}
		r.wantCalls(2, 2) // http.Transport did not send it again by itself
	})
}
