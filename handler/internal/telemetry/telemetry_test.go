package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/telemetry"
)

// line serves one request through the access log and returns the line it wrote at the level.
func line(t *testing.T, level string, r *http.Request, serve http.HandlerFunc) map[string]any {
	t.Helper()
	return observed(t, level, nil, r, serve)
}

func observed(t *testing.T, level string, o telemetry.Observer, r *http.Request, serve http.HandlerFunc) map[string]any {
	t.Helper()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		telemetry.AccessLog(log, o)(serve).ServeHTTP(httptest.NewRecorder(), r)
	}()
	var fields map[string]any
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &fields); err != nil {
			t.Fatalf("%v: %s", err, out.Bytes())
		}
	}
	return fields
}

func TestAccessLog_SaysWhatTheRecordHolds(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/openai/deployments/gpt/chat/completions", nil)
	r.Header.Set("X-Azure-Functions-InvocationId", "invocation")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	got := line(t, "info", r, func(w http.ResponseWriter, r *http.Request) {
		record := telemetry.RecordOf(r.Context())
		record.Operation, record.Deployment, record.Turn, record.Backend, record.Code = "chat/completions", "gpt", "7", "westeurope", "429"
		record.Stream, record.Usage = true, telemetry.Usage{Told: true, Input: 12, Output: -1, CacheRead: 0}
		record.Attempts = []telemetry.Attempt{{
			Backend: "eastus", Status: 429, Outcome: "throttled", Wait: 2500 * time.Millisecond, Cooldown: 3 * time.Second, MaybeBilled: true,
		}}
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte("12345"))
	})
	for key, want := range map[string]any{
		"event": "request", "level": "info", "http.request.method": "POST", "http.response.status_code": 429.0, "bytes": 5.0,
		"gen_ai.operation.name": "chat/completions", "gen_ai.request.model": "gpt", "turn": "7", "backend": "westeurope",
		"error.type": "429", "invocation_id": "invocation", "trace_id": "0af7651916cd43dd8448eb211c80319c",
		"maybe_billed": 1.0, "gen_ai.provider.name": "azure.ai.openai", "stream": true,
		"gen_ai.usage.input_tokens": 12.0, "gen_ai.usage.output_tokens": nil, "gen_ai.usage.cache_read.input_tokens": 0.0,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	attempt := got["attempts"].([]any)[0].(map[string]any)
	if attempt["backend"] != "eastus" || attempt["status"] != 429.0 || attempt["outcome"] != "throttled" || attempt["wait_ms"] != 2500.0 || attempt["cooldown_ms"] != 3000.0 || attempt["maybe_billed"] != true {
		t.Errorf("the attempt is %v", attempt)
	}
}

func TestAccessLog_TheReadinessPingAndTheStatusAreForDebugOnly(t *testing.T) {
	nothing := func(http.ResponseWriter, *http.Request) {}
	for _, path := range []string{"/", "/status", "/status.json?limit=1"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if got := line(t, "info", r, nothing); got != nil {
			t.Errorf("%s: logged %v", path, got)
		}
		if got := line(t, "debug", r, nothing); got["event"] != "request" || got["gen_ai.provider.name"] != nil {
			t.Errorf("%s: logged %v", path, got)
		}
	}
}

// seen is an Observer that notes the statuses of what it is told of.
type seen []int

func (s *seen) Observe(_ *telemetry.Record, status int, _ time.Duration) { *s = append(*s, status) }

func TestAccessLog_TellsTheObserverOfCallsAlone(t *testing.T) {
	var got seen
	left, leave := context.WithCancel(t.Context())
	leave()
	answer := func(w http.ResponseWriter, r *http.Request) {
		telemetry.RecordOf(r.Context()).Operation = "x"
		w.WriteHeader(http.StatusAccepted)
	}
	for _, path := range []string{"/", "/status.json", "/openai", "/openai/x"} {
		observed(t, "error", &got, httptest.NewRequest(http.MethodGet, path, nil), answer)
	}
	observed(t, "error", &got, httptest.NewRequest(http.MethodGet, "/openai/x", nil).WithContext(left), answer)
	if !slices.Equal(got, seen{202, 499}) {
		t.Errorf("told of %v", got)
	}
}

func TestAccessLog_ACallerThatLeftIs499UnlessItHadEverything(t *testing.T) {
	for complete, want := range map[bool]float64{false: 499, true: 200} {
		ctx, leave := context.WithCancel(t.Context())
		got := line(t, "info", httptest.NewRequest(http.MethodGet, "/openai/x", nil).WithContext(ctx), func(w http.ResponseWriter, r *http.Request) {
			record := telemetry.RecordOf(r.Context())
			record.Operation, record.Complete = "x", complete
			w.WriteHeader(http.StatusOK)
			leave()
			panic(http.ErrAbortHandler)
		})
		if got["http.response.status_code"] != want {
			t.Errorf("complete %v: logged as %v", complete, got["http.response.status_code"])
		}
	}
}

func TestLogger_LinesAreASCIIAndStillSayTheSame(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	const text = "grün 😀 \x7f \u2028 and \"quotes\" \xff"
	log.Info().Str("text", text).Send()
	var fields map[string]string
	if err := json.Unmarshal(out.Bytes(), &fields); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	if want := strings.ReplaceAll(text, "\xff", "\ufffd"); fields["text"] != want {
		t.Errorf("%q became %q", text, fields["text"])
	}
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r > 127 }); i >= 0 || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("not one line of ASCII: %q", out.String())
	}
}

func TestGo_APanicEndsItsGoroutineAlone(t *testing.T) {
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{errors.New("a secret"), "a secret"} {
		func() {
			defer telemetry.Recovered(log)
			panic(value)
		}()
	}
	func() {
		defer telemetry.Recovered(log)
		var none []int
		_ = none[len(out.String())]
	}()
	if got := out.String(); strings.Count(got, `"event":"panic"`) != 3 || strings.Contains(got, "a secret") || !strings.Contains(got, "out of range") {
		t.Errorf("logged %s", got)
	}
	done := make(chan struct{})
	telemetry.Go(log)(func() { defer close(done); panic("x") })
	<-done
}

func FuzzTraceparent_NeverPanics(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/x", nil)
		r.Header.Set("Traceparent", value)
		line(t, "info", r, func(http.ResponseWriter, *http.Request) {})
	})
}

func TestAllocations_OfALineStayAsFewAsTheyAre(t *testing.T) {
	log, err := telemetry.NewLogger(io.Discard, "info")
	if err != nil {
		t.Fatal(err)
	}
	h := telemetry.AccessLog(log, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		record := telemetry.RecordOf(r.Context())
		record.Operation, record.Deployment, record.Turn, record.Backend = "chat/completions", "gpt", "7", "westeurope"
		record.Usage = telemetry.Usage{Told: true, Input: 10, Output: 20, CacheRead: -1}
		w.WriteHeader(http.StatusOK)
	}))
	r, w := httptest.NewRequest(http.MethodPost, "/openai/deployments/gpt/chat/completions", nil), httptest.NewRecorder()
	if got := testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) }); got > 10 {
		t.Errorf("%v allocations, want at most 10", got)
	}
}
