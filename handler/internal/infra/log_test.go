package infra

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/telemetry"
)

// traced is a row of Application Insights' table: a line that the Functions host read from the handler.
type traced struct {
	Timestamp string `json:"timestamp"`
	Category  string `json:"category"`
	Message   string `json:"message"`
}

// call is one call of the log: when it ended, what its caller was told, and what the handler noted.
type call struct {
	minute int
	status int
	caller string
	took   time.Duration
	record telemetry.Record
}

// lineOf has the access log itself write what it says of the call.
func lineOf(t *testing.T, c call) traced {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		log := logger(t, &out)
		serve := func(w http.ResponseWriter, r *http.Request) {
			*telemetry.RecordOf(r.Context()) = c.record
			time.Sleep(c.took)
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte("{}"))
		}
		r := httptest.NewRequest(http.MethodPost, "/openai/deployments/x/y", nil)
		if c.record.Operation == "" {
			r = httptest.NewRequest(http.MethodGet, "/healthz", nil)
		}
		if c.caller != "" {
			r.Header.Set("X-Aoai-Caller", c.caller)
		}
		telemetry.AccessLog(log, nil)(http.HandlerFunc(serve)).ServeHTTP(httptest.NewRecorder(), r)
	})
	return handlers(c.minute, out.String())
}

// eventAt is a line that says something other than how a call went.
func eventAt(t *testing.T, minute int, write func(zerolog.Logger)) traced {
	t.Helper()
	var out bytes.Buffer
	write(logger(t, &out))
	return handlers(minute, out.String())
}

func logger(t *testing.T, out *bytes.Buffer) zerolog.Logger {
	t.Helper()
	log, err := telemetry.NewLogger(out, "info")
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// handlers is a row as the host makes it of a line of the handler's output.
func handlers(minute int, line string) traced {
	return traced{Timestamp: at(minute), Category: "Host.Function.Console", Message: strings.TrimSuffix(line, "\n")}
}

func at(minute int) string {
	return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC).Format("2006-01-02T15:04:05")
}

// ok is an attempt that was answered.
func ok(backend string) telemetry.Attempt {
	return telemetry.Attempt{Backend: backend, Status: http.StatusOK, Outcome: "ok"}
}

// throttled is an attempt whose backend asked to be left alone for 2.5 s.
func throttled(backend string) telemetry.Attempt {
	const wait = 2500 * time.Millisecond
	return telemetry.Attempt{Backend: backend, Status: http.StatusTooManyRequests, Outcome: "throttled", Wait: wait, Cooldown: wait}
}

// chat is a call for a chat, in the words of the log. Its last attempt answered, unless code says otherwise.
func chat(deployment, code string, attempts ...telemetry.Attempt) telemetry.Record {
	r := telemetry.Record{Operation: "chat/completions", Deployment: deployment, Turn: "7", Code: code, Complete: true, Attempts: attempts}
	if code == "" {
		r.Backend = attempts[len(attempts)-1].Backend
	}
	return r
}

// took adds what the answer says it took.
func took(r telemetry.Record, input, cached, output int64) telemetry.Record {
	r.Usage = telemetry.Usage{Told: true, Input: input, CacheRead: cached, Output: output}
	return r
}
