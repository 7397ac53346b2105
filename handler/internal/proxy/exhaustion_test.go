package proxy_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// throttle is a 429 that asks for a wait, for ever.
func throttle(wait time.Duration) simulator.Step {
	return simulator.Step{Times: -1, Status: 429, Header: map[string]string{"retry-after-ms": strconv.FormatInt(wait.Milliseconds(), 10)}}
}

func always(status int) simulator.Step { return simulator.Step{Times: -1, Status: status} }

func TestFailover_429MovesOnAndHonoursRetryAfterMs(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "2500"}})
		r.want(r.ask(), 200, "b", "2")
		begin := time.Now()
		for time.Since(begin) < 2400*time.Millisecond {
			r.want(r.ask(), 200, "b", "1")
			time.Sleep(100 * time.Millisecond)
		}
		r.wantCalls(1, 25)
		time.Sleep(100 * time.Millisecond)
		r.ask()
		r.ask()
		r.wantCalls(2, 26)
	})
}

func TestExhausted_AllThrottledIsA429WithTheSoonestTrueWaitInBothHeaders(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(throttle(90 * time.Second))
		r.backends[1].Script(throttle(20 * time.Second))
		got := r.ask()
		r.want(got, 429, "", "2")
		r.wantWait(got, 20*time.Second)
		if got.code() != "429" || got.header.Get("x-should-retry") != "" {
			t.Errorf("answered %s, %v", got.body, got.header)
		}
		time.Sleep(12 * time.Second)
		again := r.ask() // nobody is asked again, and the wait is still true
		r.want(again, 429, "", "0")
		r.wantWait(again, 8*time.Second)
	})
}

// wantWait checks that an answer advertises a wait in both headers: never less, and not much more.
func (r *rig) wantWait(got reply, wait time.Duration) {
	r.t.Helper()
	ms, _ := strconv.ParseFloat(got.header.Get("retry-after-ms"), 64)
	seconds, _ := strconv.ParseFloat(got.header.Get("Retry-After"), 64)
	advertised := time.Duration(ms * float64(time.Millisecond))
	if advertised < wait || advertised > wait+max(250*time.Millisecond, wait/10)+time.Millisecond || seconds*1000 < ms || seconds*1000 >= ms+1000 {
		r.t.Errorf("advertises %v ms and %v s for a wait of %v", ms, seconds, wait)
	}
}

func TestExhausted_AWaitThatSDKsDoNotHonourForbidsTheirRetry(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(throttle(70 * time.Second))
		if got := r.ask(); got.status != 429 || got.header.Get("x-should-retry") != "false" {
			t.Errorf("answered %d, %v", got.status, got.header)
		}
	})
}

func TestExhausted_WeighsTheCauses(t *testing.T) {
	missing := simulator.Step{Times: -1, Status: 404, Body: `{"error":{"code":"DeploymentNotFound","message":"as Azure says it"}}`}
	throttled, failed, refused := throttle(30*time.Second), always(500), always(401)
	for name, row := range map[string]struct {
		a, b         simulator.Step
		status       int
		code, retry  string
		from         string
		statusLater  int // of a second call
		attemptLater string
	}{
		"throttled and failed":  {throttled, failed, 429, "429", "", "", 429, "1"},
		"throttled and missing": {throttled, missing, 429, "429", "", "", 429, "0"},
		"throttled and refused": {refused, throttled, 429, "429", "", "", 429, "0"},
		"failed and refused":    {failed, refused, 500, "", "", "a", 500, "1"},
		"missing and refused":   {missing, refused, 502, "backend_credentials_refused", "false", "", 502, "0"},
		"refused by all":        {refused, refused, 502, "backend_credentials_refused", "false", "", 502, "0"},
		"missing everywhere":    {missing, missing, 404, "DeploymentNotFound", "", "b", 404, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				r.backends[0].Script(row.a)
				r.backends[1].Script(row.b)
				got := r.ask()
				if got.status != row.status || (row.code != "" && got.code() != row.code) || got.header.Get("x-should-retry") != row.retry {
					t.Errorf("answered %d %v %s", got.status, got.header, got.body)
				}
				if from := got.header.Get("x-aoai-backend"); from != row.from && row.status != 500 {
					t.Errorf("answered by %q", from)
				}
			}, noWaiting)
			inBubble(t, 2, func(r *rig) {
				r.backends[0].Script(row.a)
				r.backends[1].Script(row.b)
				r.ask()
				later := r.ask()
				if later.status != row.statusLater || later.header.Get("x-aoai-attempts") != row.attemptLater || later.took > 0 {
					t.Errorf("the second call was answered %d after %s attempts and %v", later.status, later.header.Get("x-aoai-attempts"), later.took)
				}
			}, noWaiting)
		})
	}
}

func noWaiting(_ *rig, p *plan) { p.options.MaxRetries = 0 }

func TestExhausted_AMistypedDeploymentIsA404AtOnceAndLater(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for i, attempts := range []string{"2", "0", "0"} {
			r.backends[i%2].Script(simulator.Step{Times: -1, Status: 404, Body: `{"error":{"code":"DeploymentNotFound"}}`})
			r.backends[(i+1)%2].Script(simulator.Step{Times: -1, Status: 404, Body: `{"error":{"code":"DeploymentNotFound"}}`})
			got := r.ask()
			if got.status != 404 || got.code() != "DeploymentNotFound" || got.header.Get("x-aoai-attempts") != attempts || got.took != 0 {
				t.Errorf("call %d: %d after %v: %s", i, got.status, got.took, got.body)
			}
		}
	})
}

func TestExhausted_UnreachableIsA502(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.network.Close("a.test:80")
		r.network.Close("b.test:80")
		got := r.ask()
		if got.status != 502 || got.code() != "backend_unavailable" {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
		if got := r.outcomes(); got != "unreachable unreachable" {
			t.Errorf("attempts: %s", got)
		}
	}, noWaiting)
}

func TestWait_AShortOneIsWaitedForInsideTheRequestOnce(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for _, b := range r.backends {
			b.Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "3000"}})
		}
		got := r.ask()
		if got.status != 200 || got.header.Get("x-aoai-attempts") != "3" || got.took < 3*time.Second || got.took > 3300*time.Millisecond {
			t.Errorf("answered %d after %s attempts and %v", got.status, got.header.Get("x-aoai-attempts"), got.took)
		}
	})
	inBubble(t, 2, func(r *rig) {
		for _, b := range r.backends {
			b.Script(throttle(3 * time.Second))
		}
		got := r.ask()
		if got.status != 429 || got.took > 3500*time.Millisecond {
			t.Errorf("answered %d after %v", got.status, got.took)
		}
		r.wantWait(got, 3*time.Second)
	})
}

func TestWait_NotBeyondWhatIsAllowed(t *testing.T) {
	for name, row := range map[string]struct {
		wait time.Duration
		set  setting
	}{
		"longer than RETRY_INTERVAL":  {6 * time.Second, func(*rig, *plan) {}},
		"no retries left":             {time.Second, func(_ *rig, p *plan) { p.options.MaxRetries = 1 }},
		"longer than REQUEST_TIMEOUT": {4 * time.Second, func(_ *rig, p *plan) { p.options.RequestTimeout = 3 * time.Second }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				for _, b := range r.backends {
					b.Script(throttle(row.wait))
				}
				if got := r.ask(); got.status != 429 || got.took != 0 {
					t.Errorf("answered %d after %v", got.status, got.took)
				}
			}, row.set)
		})
	}
}

func TestWait_AtMostFourRequestsOfAnInstanceWait(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "3000"}})
		answers := make(chan reply, 20)
		for range cap(answers) {
			go func() { answers <- r.ask() }()
			synctest.Wait()
		}
		waited := 0
		for range cap(answers) {
			if got := <-answers; got.took > 0 {
				waited++
			} else if got.status != 429 {
				t.Errorf("answered %d at once", got.status)
			}
		}
		if waited != 4 {
			t.Errorf("%d requests waited", waited)
		}
	})
}

func TestRetryStatus_ThatOfTheOriginalSampleTriesThreeTimesMore(t *testing.T) {
	everything := func(_ *rig, p *plan) { p.options.RetryStatus = func(status int) bool { return status >= 400 } }
	inBubble(t, 2, func(r *rig) {
		for _, b := range r.backends {
			b.Script(always(400))
		}
		got := r.ask()
		if got.status != 400 || got.header.Get("x-aoai-attempts") != "4" || got.took < 5*time.Second || got.took > 5600*time.Millisecond {
			t.Errorf("answered %d after %s attempts and %v", got.status, got.header.Get("x-aoai-attempts"), got.took)
		}
		r.wantCalls(2, 2)
		wantBack(t, r, 0)
	}, everything)
	inBubble(t, 2, func(r *rig) { // the first retry is at once
		r.backends[0].Script(simulator.Step{Status: 400})
		got := r.ask()
		r.want(got, 200, "b", "2")
		if got.took != 0 {
			t.Errorf("took %v", got.took)
		}
	}, everything)
}

func TestFailover_EveryReadyBackendIsTriedOnceHoweverFewRetries(t *testing.T) {
	inBubble(t, 6, func(r *rig) {
		for _, b := range r.backends[:5] {
			b.Script(always(500))
		}
		r.want(r.ask(), 200, "f", "6")
	}, noWaiting)
}

func TestPin_ACallerMayChooseTheBackend(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		pinned := func(name string) reply {
			req := r.request(r.t.Context(), http.MethodPost, chat, question)
			req.Header.Set("x-aoai-backend", name)
			return r.do(req)
		}
		for range 3 {
			r.want(pinned("b"), 200, "b", "1")
		}
		r.backends[1].Script(throttle(time.Minute))
		r.want(pinned("b"), 429, "", "1")
		r.want(pinned("b"), 429, "", "0")
		if got := pinned("nobody"); got.status != 400 || got.code() != "unknown_backend" {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
		r.wantCalls(0, 4)
	})
}
