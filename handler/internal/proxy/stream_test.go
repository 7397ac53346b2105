package proxy_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
)

func TestStream_EventsArriveOneByOneAndUnchanged(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{EventDelay: 300 * time.Millisecond})
		direct := r.direct(0, streamed)
		r.backends[0].Script(simulator.Step{EventDelay: 300 * time.Millisecond})
		resp, err := r.client.Do(r.request(r.t.Context(), http.MethodPost, chat, streamed))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var body strings.Builder
		arrivals := 0
		for last := time.Now(); ; {
			chunk := make([]byte, 4096)
			n, err := resp.Body.Read(chunk)
			body.Write(chunk[:n])
			if gap := time.Since(last); n > 0 && gap > 200*time.Millisecond {
				arrivals++
			}
			if last = time.Now(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if arrivals < 8 {
			t.Errorf("only %d events arrived by themselves", arrivals)
		}
		if ids.ReplaceAllString(body.String(), "") != ids.ReplaceAllString(direct.body, "") {
			t.Errorf("the stream was changed:\n%s\nwant\n%s", body.String(), direct.body)
		}
	})
}

const failedEvent = `data: {"error":{"code":"rate_limit_exceeded","message":"too many"}}`

func TestStream_AFailureBeforeContentMovesOnAndNothingOfItIsSeen(t *testing.T) {
	created := `data: {"choices":[],"prompt_filter_results":[]}`
	for name, row := range map[string]struct {
		events []string
		cause  backend.Cause
	}{
		"rate limit at once":         {[]string{failedEvent}, backend.Throttled},
		"rate limit after a prelude": {[]string{created, `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}`, failedEvent}, backend.Throttled},
		"response.failed": {[]string{
			"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"error\":null}}",
			"event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\"}}}",
		}, backend.Throttled},
		"server error": {[]string{created, "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\"}"}, backend.None},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				r.backends[0].Script(simulator.Step{Events: row.events, EventDelay: 10 * time.Millisecond})
				got := r.stream()
				r.want(got, 200, "b", "2")
				if strings.Contains(got.body, "error") || strings.Contains(got.body, "response.created") || !strings.Contains(got.body, "[DONE]") {
					t.Errorf("the caller saw %s", got.body)
				}
				if cause := r.health.Blocks("gpt")[0].Cause; cause != row.cause {
					t.Errorf("backend a is %v", cause)
				}
			})
		})
	}
}

func TestStream_WhatNoOtherBackendMendsFlows(t *testing.T) {
	for _, event := range []string{
		`data: {"error":{"code":"content_filter"}}`, `data: not json`, `data: [DONE]`,
		`data: {"choices":[{"delta":{"content":"hi"}}]}`, `data: {"object":"thread.run"}`,
	} {
		inBubble(t, 2, func(r *rig) {
			r.backends[0].Script(simulator.Step{Events: []string{event, failedEvent}})
			got := r.stream()
			r.want(got, 200, "a", "1")
			if got.body != event+"\n\n"+failedEvent+"\n\n" {
				t.Errorf("%s became %s", event, got.body)
			}
		})
	}
}

func TestStream_IsHeldBackForASecondAtTheMost(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		created := "data: {\"type\":\"response.created\"}"
		r.backends[0].Script(simulator.Step{Events: []string{created, created, failedEvent}, EventDelay: 700 * time.Millisecond})
		begin := time.Now()
		resp, err := r.client.Do(r.request(r.t.Context(), http.MethodPost, chat, streamed))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if held := time.Since(begin); held > 2*time.Second {
			t.Errorf("held back for %v", held)
		}
		body, _ := io.ReadAll(resp.Body)
		if string(body) != created+"\n\n"+created+"\n\n"+failedEvent+"\n\n" {
			t.Errorf("the caller saw %s", body)
		}
	})
}

func TestStream_HoldsBackABoundedNumberOfBytes(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		big := "data: {\"type\":\"response.created\",\"x\":\"" + strings.Repeat("x", 300<<10) + "\"}"
		r.backends[0].Script(simulator.Step{Events: []string{big, failedEvent}})
		got := r.stream()
		r.want(got, 200, "a", "1")
		if got.body != big+"\n\n"+failedEvent+"\n\n" {
			t.Errorf("%d bytes came", len(got.body))
		}
	})
}

func TestStream_ABreakBeforeContentMovesOn(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{CutAfter: 1})
		r.want(r.stream(), 200, "b", "2")
		if got := r.outcomes(); got != "reset ok" {
			t.Errorf("attempts: %s", got)
		}
	})
}

func TestStream_ABreakAfterContentEndsInAnErrorEventAndNoCleanEnd(t *testing.T) {
	for name, row := range map[string]struct {
		step    simulator.Step
		outcome string
	}{
		"cut":   {simulator.Step{CutAfter: 5, EventDelay: time.Millisecond}, "stream_broken"},
		"reset": {simulator.Step{CutAfter: 5, Reset: true, EventDelay: time.Millisecond}, "stream_broken"},
		"idle":  {simulator.Step{Stall: 5}, "stream_idle"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				r.backends[0].Script(row.step)
				got := r.stream()
				r.want(got, 200, "a", "1")
				const farewell = `data: {"error":{"code":"stream_broken","message":"The backend broke off the stream.","type":"server_error","param":null}}` + "\n\n"
				if got.err == nil || !strings.HasSuffix(got.body, farewell) || strings.Contains(got.body, "[DONE]") {
					t.Errorf("ended with %v after %s", got.err, got.body)
				}
				if line := r.logged()[0]; line["outcome"] != row.outcome {
					t.Errorf("logged as %v", line["outcome"])
				}
				r.wantCalls(1, 0)
			})
		})
	}
}

// The time of a request is that of its first byte: what speaks on is not ended.
func TestStream_LastsForAsLongAsItSpeaks(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{EventDelay: 150 * time.Second})
		got := r.stream()
		if r.want(got, 200, "a", "1"); got.err != nil || !strings.HasSuffix(got.body, "data: [DONE]\n\n") || got.took < 500*time.Second {
			t.Errorf("ended after %v with %v", got.took, got.err)
		}
	})
}

func TestStream_ASilenceEndsItAfterItsTime(t *testing.T) {
	for name, events := range map[string]int{"while its opening was held back": 1, "in mid-stream": 5} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(r *rig) {
				r.backends[0].Script(simulator.Step{Stall: events, EventDelay: time.Millisecond})
				got := r.stream()
				if got.err == nil || got.took < 200*time.Second || got.took > 202*time.Second {
					t.Errorf("ended after %v with %v", got.took, got.err)
				}
				if line := r.last(); line["outcome"] != "stream_idle" {
					t.Errorf("logged as %v", line["outcome"])
				}
			})
		})
	}
}

func TestStream_AnAnswerThatIsNoStreamBreaksWithoutAddedBytes(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{CutAfter: -1})
		got := r.ask()
		if got.err == nil || strings.Contains(got.body, "stream_broken") {
			t.Errorf("ended with %v after %q", got.err, got.body)
		}
	})
}

// A caller leaves in each phase of a request: its attempt ends at once, nothing else is tried, and no backend suffers.
func TestCallerLeaves_EndsTheAttemptAndCostsNoHealth(t *testing.T) {
	for name, row := range map[string]struct {
		steps []simulator.Step
		body  string
		after time.Duration
		calls int64
	}{
		"waiting for headers": {[]simulator.Step{{Hang: true}}, question, 5 * time.Second, 1},
		"in mid-stream":       {[]simulator.Step{{Stall: 5}}, streamed, 5 * time.Second, 1},
		"during the opening":  {[]simulator.Step{{Stall: 1}}, streamed, 500 * time.Millisecond, 1},
		"waiting for a retry": {[]simulator.Step{{Status: 429, Header: map[string]string{"retry-after-ms": "3000"}}}, question, time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(r *rig) {
				r.backends[0].Script(row.steps...)
				ctx, leave := context.WithTimeout(r.t.Context(), row.after)
				defer leave()
				if resp, err := r.client.Do(r.request(ctx, http.MethodPost, chat, row.body)); err == nil {
					_, _ = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				synctest.Wait() // all that follows from leaving has happened, and no time has passed
				lines := r.logged()
				if len(lines) != 1 || lines[0]["http.response.status_code"] != 499.0 || lines[0]["outcome"] != "caller_left" {
					t.Errorf("logged: %v", lines)
				}
				if row.steps[0].Status == 0 {
					select {
					case <-r.backends[0].Left():
					default:
						t.Error("the backend is still at work")
					}
				}
				time.Sleep(time.Minute)
				r.wantCalls(row.calls)
				if block := r.health.Blocks("gpt")[0]; block.Cause != backend.None {
					t.Errorf("the backend is %v", block.Cause)
				}
			})
		})
	}
}
