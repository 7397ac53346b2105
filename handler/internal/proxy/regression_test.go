package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/telemetry"
	"aoai-balancer/handler/internal/upstream"
)

func TestDrained_ABackendThatTakesNoPartDoesNotSweetenTheAnswer(t *testing.T) {
	missing := simulator.Step{Times: -1, Status: 404, Body: `{"error":{"code":"DeploymentNotFound"}}`}
	for name, row := range map[string]struct {
		step   simulator.Step
		status int
		code   string
		wait   time.Duration
	}{
		"throttled": {throttle(time.Minute), 429, "429", time.Minute},
		"missing":   {missing, 404, "DeploymentNotFound", 0},
		"refused":   {always(401), 502, "backend_credentials_refused", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				r.backends[0].Script(row.step)
				got := r.ask()
				if got.status != row.status || got.code() != row.code || got.took != 0 {
					t.Errorf("answered %d after %v: %s", got.status, got.took, got.body)
				}
				if row.wait > 0 {
					r.wantWait(got, row.wait)
				}
				r.wantCalls(1, 0)
			}, weights(1, 0))
		})
	}
	inBubble(t, 2, func(r *rig) {
		if got := r.post("/openai/deployments/drained-only/chat/completions?api-version=1", question); got.status != 404 {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
	}, weights(1, 0), func(_ *rig, p *plan) {
		p.backends[0].Deployments = map[string]string{"gpt": "gpt"}
		p.backends[1].Deployments = map[string]string{"drained-only": "gpt"}
	})
}

func TestUnsendable_ACallersOwnFaultCostsNoHealth(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for range 4 {
			head := "POST " + chat + " HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n"
			body := fmt.Sprintf("%x\r\n%s\r\n0\r\nFoo Bar: 1\r\n\r\n", len(question), question)
			if status := r.raw(head + body); status != 200 {
				t.Errorf("answered %d", status)
			}
		}
		if ready := r.health.Ready("gpt"); ready != 0b11 {
			t.Errorf("ready: %b", ready)
		}
	})
}

// lossy cannot read the body that it is to send.
type lossy struct{ attempts int }

func (l *lossy) Send(r *http.Request, _ time.Time) (*http.Response, error) {
	l.attempts++
	_ = r.Body.Close()
	return nil, &upstream.Error{Progress: upstream.Sent, Err: upstream.ErrBody}
}

func TestUnsendable_ABodyThatIsLostIsNoBackendsFault(t *testing.T) {
	p, transport := newBenchProxy("", ""), new(lossy)
	p.Transport = transport
	ctx, record := telemetry.WithRecord(t.Context())
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, chat, strings.NewReader(question)))
	if w.Code != http.StatusBadGateway || transport.attempts != 1 || record.Attempts[0].Outcome != "unsendable" {
		t.Errorf("answered %d after %d attempts: %+v", w.Code, transport.attempts, record.Attempts)
	}
	if ready := p.Health.Ready("gpt"); ready != 0b111 {
		t.Errorf("ready: %b", ready)
	}
}

// raw sends what no HTTP client would, and returns the answer's status.
func (r *rig) raw(text string) int {
	r.t.Helper()
	conn, err := r.network.DialContext(r.t.Context(), "tcp", "gateway.test:80")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestRenewal_ACallerThatLeavesMeanwhileCostsNoHealth(t *testing.T) {
	onTokens(t, 1, "old", "new", func(r *rig, f *tokens, _ *simulator.OpenAI) {
		f.slow.Store(int64(3 * time.Second))
		ctx, leave := context.WithTimeout(r.t.Context(), time.Second)
		defer leave()
		if resp, err := r.client.Do(r.request(ctx, http.MethodPost, chat, question)); err == nil {
			_ = resp.Body.Close()
			t.Error("answered")
		}
		if block := r.health.Blocks("gpt")[0]; block.Cause != backend.None {
			t.Errorf("the backend is %v", block.Cause)
		}
		time.Sleep(10 * time.Second)
	})
}

func TestWait_LeavesTimeForItsOwnJitter(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(throttle(4990 * time.Millisecond))
		if got := r.ask(); got.status != 429 {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
	}, func(_ *rig, p *plan) { p.options.RequestTimeout = 5 * time.Second })
}

func TestCooldown_OnlyA429IsTimedByTheResetOfARateLimit(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Status: 503, Header: map[string]string{"x-ratelimit-reset-tokens": "6m0s"}})
		r.want(r.ask(), 200, "b", "2")
		wantBack(t, r, 0)
	})
}

func TestDeadline_ATimeoutOnAReusedConnectionIsNoStaleConnection(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.want200(r.ask())
		r.backends[0].Script(simulator.Step{Hang: true})
		if got := r.ask(); got.status != 200 || got.took < 35*time.Second {
			t.Errorf("answered %d after %v", got.status, got.took)
		}
	}, attemptTimeout(30*time.Second))
}

func TestEncoding_ABackendIsAskedForWhatTheHandlerCanRead(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for accepted, want := range map[string]string{"gzip, deflate, br": "gzip", "br": "identity", "": ""} {
			req := r.request(r.t.Context(), http.MethodPost, chat, question)
			if accepted != "" {
				req.Header.Set("Accept-Encoding", accepted)
			}
			r.do(req)
			received := r.backends[0].Received()
			if got := received[len(received)-1].Header.Get("Accept-Encoding"); got != want {
				t.Errorf("%q became %q", accepted, got)
			}
		}
	})
}

func TestStream_AnEventsEndInTwoPiecesStillCounts(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		const event = `data: {"choices":[{"delta":{"content":"x"}}]}`
		r.serve("split.test:80", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, piece := range []string{event + "\n\n", event + "\n", "\n"} {
				_, _ = io.WriteString(w, piece)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
			panic(http.ErrAbortHandler)
		}))
		if got := r.stream(); got.err == nil || !strings.Contains(got.body, "stream_broken") {
			t.Errorf("ended with %v after %s", got.err, got.body)
		}
	}, func(_ *rig, p *plan) { p.backends[0].Endpoint.Host = "split.test" })
}
