package backend_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
)

const (
	a, b = 0, 1
	both = 0b11
)

// inBubble runs a test in virtual time on the health of two backends.
func inBubble(t *testing.T, test func(t *testing.T, h *backend.Health)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, backend.NewHealth(2, 10*time.Second, 2*time.Minute)) })
}

func begin(t *testing.T, h *backend.Health, i int, deployment string) *backend.Attempt {
	t.Helper()
	attempt, ok := h.Begin(i, deployment)
	if !ok {
		t.Fatalf("backend %d is not ready for %q", i, deployment)
	}
	time.Sleep(time.Millisecond) // virtual
	return attempt
}

func wantReady(t *testing.T, h *backend.Health, deployment string, want uint64) {
	t.Helper()
	if got := h.Ready(deployment); got != want {
		t.Errorf("ready for %q: %02b, want %02b", deployment, got, want)
	}
}

// wantBackAfter checks that backend a is skipped until exactly then.
func wantBackAfter(t *testing.T, h *backend.Health, deployment string, wait time.Duration) {
	t.Helper()
	time.Sleep(wait - time.Millisecond - time.Nanosecond)
	wantReady(t, h, deployment, 1<<b)
	time.Sleep(time.Nanosecond)
	wantReady(t, h, deployment, both)
}

func TestThrottled_CoolsOneDeploymentForAsLongAsTold(t *testing.T) {
	for _, row := range []struct{ told, cools time.Duration }{
		{2500 * time.Millisecond, 2500 * time.Millisecond},
		{0, 10 * time.Second},
		{24 * time.Hour, 2 * time.Minute},
	} {
		inBubble(t, func(t *testing.T, h *backend.Health) {
			attempt := begin(t, h, a, "chat")
			attempt.Throttled(row.told)
			wantReady(t, h, "embeddings", both)
			time.Sleep(time.Millisecond)
			wantBackAfter(t, h, "chat", row.cools)
		})
	}
}

func TestCooldown_ALongerOneExtendsAndAShorterOneDoesNotShorten(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		first, second, third, late := begin(t, h, a, "d"), begin(t, h, a, "d"), begin(t, h, a, "d"), begin(t, h, a, "d")
		for i, cooldown := range []time.Duration{first.Throttled(20 * time.Second), second.Throttled(30 * time.Second), third.Throttled(time.Second)} {
			if want := []time.Duration{20 * time.Second, 30 * time.Second, 0}[i]; cooldown != want {
				t.Errorf("outcome %d says that it began %v, want %v", i, cooldown, want)
			}
		}
		late.Succeeded()
		if block := h.Blocks("d")[a]; block.Cause != backend.Throttled || time.Until(block.Until) != 30*time.Second {
			t.Errorf("blocked %v for %v", block.Cause, time.Until(block.Until))
		}
	})
}

func TestOutcomes_EachCoolsWhatTheTableSays(t *testing.T) {
	for _, row := range []struct {
		name      string
		end       func(*backend.Attempt) time.Duration
		elsewhere uint64 // ready for another deployment
		cause     backend.Cause
		wait      time.Duration
	}{
		{"missing", (*backend.Attempt).Missing, both, backend.Missing, 5 * time.Minute},
		{"unauthorized", (*backend.Attempt).Unauthorized, 1 << b, backend.Unauthorized, time.Minute},
		{"503 with a wait", func(x *backend.Attempt) time.Duration { return x.Failed(7 * time.Second) }, both, backend.Failed, 7 * time.Second},
		{"one failure", failed, both, backend.None, 0},
		{"ignored", func(x *backend.Attempt) time.Duration { x.Ignored(); return 0 }, both, backend.None, 0},
		{"succeeded", func(x *backend.Attempt) time.Duration { x.Succeeded(); return 0 }, both, backend.None, 0},
	} {
		inBubble(t, func(t *testing.T, h *backend.Health) {
			if cooldown := row.end(begin(t, h, a, "d")); cooldown != row.wait {
				t.Errorf("%s says that it began %v", row.name, cooldown)
			}
			wantReady(t, h, "other", row.elsewhere)
			block := h.Blocks("d")[a]
			if block.Cause != row.cause || (row.wait > 0 && time.Until(block.Until) != row.wait) {
				t.Errorf("%s: %v for %v", row.name, block.Cause, time.Until(block.Until))
			}
		})
	}
}

func failThrice(t *testing.T, h *backend.Health, end func(*backend.Attempt) time.Duration) {
	t.Helper()
	for i := range 3 {
		wantReady(t, h, "d", both)
		if cooldown := end(begin(t, h, a, "d")); (cooldown > 0) != (i == 2) {
			t.Errorf("failure %d says that it began %v", i, cooldown)
		}
	}
}

func failed(x *backend.Attempt) time.Duration { return x.Failed(0) }

func TestBreaker_OpensAfterThreeFailuresInARowAndDoublesToAMinute(t *testing.T) {
	for name, end := range map[string]func(*backend.Attempt) time.Duration{"deployment": failed, "backend": (*backend.Attempt).Unreachable} {
		inBubble(t, func(t *testing.T, h *backend.Health) {
			failThrice(t, h, end)
			if elsewhere := h.Ready("other"); (elsewhere == both) != (name == "deployment") {
				t.Errorf("%s: ready elsewhere: %02b", name, elsewhere)
			}
			time.Sleep(time.Millisecond)
			for _, open := range []time.Duration{10, 20, 40, 60, 60} {
				wantBackAfter(t, h, "d", open*time.Second)
				probe, ok := h.Begin(a, "d")
				if !ok {
					t.Fatal("no probe")
				}
				end(probe)
				time.Sleep(time.Millisecond)
			}
		})
	}
}

func TestBreaker_ASuccessBetweenFailuresKeepsItClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		for range 10 {
			begin(t, h, a, "d").Failed(0)
			begin(t, h, a, "d").Failed(0)
			begin(t, h, a, "d").Succeeded()
		}
		wantReady(t, h, "d", both)
	})
}

func TestBreaker_SixteenParallelResetsAreOneFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		for round := range 3 {
			var parallel []*backend.Attempt
			for range 16 {
				parallel = append(parallel, begin(t, h, a, "d"))
			}
			for _, attempt := range parallel {
				attempt.Failed(0)
			}
			if open := h.Ready("d") != both; open != (round == 2) {
				t.Errorf("after %d rounds open is %v", round+1, open)
			}
		}
	})
}

func TestBreaker_LetsOneProbeThroughAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		older := begin(t, h, a, "d")
		failThrice(t, h, failed)
		time.Sleep(10 * time.Second)
		probe := begin(t, h, a, "d")
		older.Succeeded() // says nothing about now
		if _, ok := h.Begin(a, "d"); ok || h.Ready("d") != 1<<b {
			t.Error("a second probe was let through")
		}
		if block := h.Blocks("d")[a]; block.Cause != backend.Failed || time.Until(block.Until) <= 0 {
			t.Errorf("while probing: %+v", block)
		}
		probe.Ignored() // its caller left
		wantReady(t, h, "d", both)
		begin(t, h, a, "d").Succeeded()
		begin(t, h, a, "d").Failed(0)
		begin(t, h, a, "d").Failed(0)
		wantReady(t, h, "d", both)
	})
}

func TestBreaker_AnAnswerOfAnyKindShowsThatTheBackendIsReachable(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		begin(t, h, a, "d").Unreachable()
		begin(t, h, a, "d").Unreachable()
		begin(t, h, a, "e").Throttled(time.Second)
		begin(t, h, a, "d").Unreachable()
		wantReady(t, h, "d", both)
	})
}

func TestAttempt_OnlyItsFirstOutcomeCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		attempt := begin(t, h, a, "d")
		attempt.Succeeded()
		attempt.Throttled(time.Minute)
		wantReady(t, h, "d", both)
	})
}

func TestHealth_RemembersABoundedNumberOfDeployments(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		for i := range 5000 {
			begin(t, h, a, fmt.Sprint("name", i)).Throttled(time.Second)
		}
		if got := h.Remembered(); got > 1000 {
			t.Errorf("%d deployments are remembered", got)
		}
	})
}

func TestHealth_NamesThatCallersMadeUpDoNotPushOutCooldowns(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		begin(t, h, a, "real").Throttled(time.Minute)
		for i := range 2000 {
			attempt, _ := h.Begin(a, fmt.Sprint("made-up-", i))
			attempt.Missing()
		}
		attempt, _ := h.Begin(a, strings.Repeat("x", 65))
		attempt.Missing()
		wantReady(t, h, "real", 1<<b)
		wantReady(t, h, strings.Repeat("x", 65), both)
	})
}

func TestBreaker_AProbeThatHangsMakesRoomForAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		failThrice(t, h, failed)
		time.Sleep(10 * time.Second)
		hanging := begin(t, h, a, "d")
		time.Sleep(10*time.Second - 2*time.Millisecond)
		wantReady(t, h, "d", 1<<b)
		time.Sleep(time.Millisecond)
		second := begin(t, h, a, "d")
		hanging.Failed(0) // is no probe any more
		wantReady(t, h, "d", 1<<b)
		second.Succeeded()
		wantReady(t, h, "d", both)
	})
}

func TestSet_ABackendWithAMapServesJustWhatItNames(t *testing.T) {
	all := &backend.Backend{Name: "all"}
	some := &backend.Backend{Name: "some", Deployments: map[string]string{"chat": "gpt-west"}}
	s := backend.NewSet([]*backend.Backend{all, some})
	if s.Serving("chat") != both || s.Serving("embed") != 1<<a || s.Every() != both {
		t.Errorf("serving chat %02b, embed %02b", s.Serving("chat"), s.Serving("embed"))
	}
	if all.Deployment("chat") != "chat" || some.Deployment("chat") != "gpt-west" {
		t.Error("wrong names")
	}
	if i, ok := s.Named("some"); i != b || !ok {
		t.Error("not found by name")
	}
}
