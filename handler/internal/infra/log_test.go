package infra

import (
	"bytes"
	"encoding/json"
	"maps"
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
	tokens *tokens
	record telemetry.Record
}

type tokens struct{ input, cached, output int }

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
		telemetry.AccessLog(log)(http.HandlerFunc(serve)).ServeHTTP(httptest.NewRecorder(), r)
	})
	return handlers(c.minute, promised(t, c, out.String()))
}

// promised adds the fields that the log is going to have, until it has them.
func promised(t *testing.T, c call, line string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	if u := c.tokens; u != nil {
		told := map[string]any{
			"gen_ai.usage.input_tokens":            u.input,
			"gen_ai.usage.cache_read.input_tokens": u.cached,
			"gen_ai.usage.output_tokens":           u.output,
		}
		maps.Copy(told, fields)
		fields = told
	}
	attempts, _ := fields["attempts"].([]any)
	for _, item := range attempts {
		attempt, _ := item.(map[string]any)
		if wait, has := attempt["wait_ms"]; has && attempt["cooldown_ms"] == nil {
			attempt["cooldown_ms"] = wait
		}
	}
	return string(marshal(t, fields))
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
	return telemetry.Attempt{Backend: backend, Status: http.StatusTooManyRequests, Outcome: "throttled", Wait: 2500 * time.Millisecond}
}

// chat is a call for a chat, in the words of the log. Its last attempt answered, unless code says otherwise.
func chat(deployment, code string, attempts ...telemetry.Attempt) telemetry.Record {
	r := telemetry.Record{Operation: "chat/completions", Deployment: deployment, Turn: "7", Code: code, Complete: true, Attempts: attempts}
	if code == "" {
		r.Backend = attempts[len(attempts)-1].Backend
	}
	return r
}
