package infra

import (
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/telemetry"
)

// run gives the rows of the queries on the lines, a text each.
func run(t *testing.T, lines []traced, texts map[string]string) map[string][]string {
	t.Helper()
	python, dir := stack.NeedPython(t)
	answer := ask[map[string][][]any](t, dir, exec.CommandContext(t.Context(), python, "kql.py"),
		map[string]any{"lines": lines, "queries": texts})
	rows := map[string][]string{}
	for name, list := range answer {
		for _, row := range list {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = fmt.Sprint(cell)
			}
			rows[name] = append(rows[name], strings.Join(cells, " | "))
		}
	}
	return rows
}

// night is what an operator finds in the morning: two deployments, two backends, a caller that is known by name.
func night(t *testing.T) []traced {
	t.Helper()
	failed := telemetry.Attempt{Backend: "eus", Status: http.StatusServiceUnavailable, Outcome: "failed"}
	refused := telemetry.Attempt{Backend: "eus", Status: http.StatusUnauthorized, Outcome: "unauthorized"}
	files := telemetry.Record{Operation: "files", Deployment: "*", Backend: "eus", Complete: true, Attempts: []telemetry.Attempt{ok("eus")}}
	const ms = time.Millisecond
	var lines []traced
	for _, c := range []call{
		{0, http.StatusOK, "team", 100 * ms, took(chat("gpt", "", ok("weu")), 100, 40, 20)},
		{1, http.StatusOK, "team", 200 * ms, took(chat("gpt", "", throttled("weu"), ok("eus")), 200, 0, 30)},
		{6, http.StatusTooManyRequests, "team", 50 * ms, chat("gpt", "429", throttled("weu"), failed)},
		{7, http.StatusOK, "", 10 * ms, took(chat("embed", "", ok("weu")), 7, 0, 0)},
		{8, http.StatusOK, "", 300 * ms, chat("gpt", "", refused, ok("weu"))},
		{9, http.StatusOK, "", 5 * ms, files},
		{9, http.StatusOK, "", 0, telemetry.Record{}},
	} {
		lines = append(lines, lineOf(t, c))
	}
	return append(lines,
		eventAt(t, 2, func(log zerolog.Logger) {
			log.Warn().Str("event", "counter_local").Str("problem", "storage is slow").Send()
		}),
		eventAt(t, 3, func(log zerolog.Logger) { log.Info().Str("event", "counter_shared").Send() }),
		eventAt(t, 4, func(log zerolog.Logger) {
			log.Warn().Str("backend", "weu").Str("event", "credential_failed").Str("problem", "no answer").Send()
		}),
		handlers(5, "what is no JSON"), handlers(5, `"neither an object"`), handlers(5, ""),
		traced{Timestamp: at(5), Category: "Host.General", Message: `{"event":"request","gen_ai.operation.name":"not the handler's"}`},
	)
}

func TestQueries_OnLinesThatTheAccessLogWrote(t *testing.T) {
	want := map[string][]string{
		"calls-by-backend": {
			at(0) + " | gpt on eus | 1", at(0) + " | gpt on weu | 1",
			at(5) + " | * on eus | 1", at(5) + " | embed on weu | 1", at(5) + " | gpt on none | 1", at(5) + " | gpt on weu | 1",
		},
		"backends": { // calls, 429s, other errors, tokens in and out
			"* | eus | 1 | 0 | 0 | 0 | 0", "embed | weu | 1 | 0 | 0 | 7 | 0",
			"gpt | weu | 2 | 0 | 0 | 100 | 20", "gpt | eus | 1 | 0 | 0 | 200 | 30", "gpt | none | 1 | 1 | 0 | 0 | 0",
		},
		"throttling": {
			at(0) + " | weu throttled | 1",
			at(5) + " | eus failed | 1", at(5) + " | eus unauthorized | 1", at(5) + " | weu throttled | 1",
		},
		"cooldowns": {"gpt | weu | throttled | 2 | 2.5 | 5 | " + at(6)},
		"failovers": {
			at(0) + " | weu throttled, then eus | 1",
			at(5) + " | eus unauthorized, then weu | 1", at(5) + " | weu throttled, then none | 1",
		},
		"first-byte": {at(0) + " | 100 | 200", at(5) + " | 10 | 300"},
		"latency-and-attempts": { // calls; first byte p50, p95; duration p50, p95
			"* | 1 | 1 | 5 | 5 | 5 | 5", "embed | 1 | 1 | 10 | 10 | 10 | 10",
			"gpt | 1 | 1 | 100 | 100 | 100 | 100", "gpt | 2 | 3 | 200 | 300 | 200 | 300",
		},
		"tokens-by-caller": { // calls, calls without usage, tokens in, cached, out
			"team | gpt | 3 | 1 | 300 | 40 | 50", "unknown | embed | 1 | 0 | 7 | 0 | 0",
			"unknown | * | 1 | 1 | 0 | 0 | 0", "unknown | gpt | 1 | 1 | 0 | 0 | 0",
		},
		"events": {
			"credential_failed | warn | no answer | 1 | " + at(4), "counter_shared | info |  | 1 | " + at(3),
			"counter_local | warn | storage is slow | 1 | " + at(2),
		},
		"alert-backends-cooling":    nil,
		"alert-counter-local":       nil,
		"alert-credentials-refused": {"eus | unauthorized | 1", "weu | credential_failed | 1"},
	}
	texts := queries(t)
	got := run(t, night(t), texts)
	for name := range texts {
		slices.Sort(got[name]) // rows that are alike in what a query orders by come in any order
		slices.Sort(want[name])
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got[name], "\n"), strings.Join(want[name], "\n"))
		}
	}
}

// many gives that many lines alike.
func many(n int, line traced) []traced { return slices.Repeat([]traced{line}, n) }

// Below its threshold no alert fires: a few calls that are refused or turned locally are usual.
func TestAlerts_FireAtTheirThresholds(t *testing.T) {
	answered := lineOf(t, call{status: http.StatusOK, record: chat("gpt", "", ok("weu"))})
	refused := lineOf(t, call{status: http.StatusTooManyRequests, record: chat("gpt", "429", throttled("weu"))})
	down := lineOf(t, call{status: http.StatusBadGateway, record: chat("gpt", "backend_unavailable")})
	local := chat("gpt", "", ok("weu"))
	local.Turn = "local:7"
	counted := lineOf(t, call{status: http.StatusOK, record: local})
	missing := chat("gtp", "DeploymentNotFound")
	missing.Turn = "local:8"
	mistyped := lineOf(t, call{status: http.StatusNotFound, record: missing})
	noCredential := lineOf(t, call{status: http.StatusServiceUnavailable, record: chat("gpt", "backend_credentials_unavailable",
		telemetry.Attempt{Backend: "weu", Outcome: "no_credential"})})
	renewed := lineOf(t, call{status: http.StatusOK, record: chat("gpt", "",
		telemetry.Attempt{Backend: "weu", Status: http.StatusUnauthorized, Outcome: "credential_renewed"}, ok("weu"))})
	for _, c := range []struct {
		alert string
		lines [][]traced
		want  []string
	}{
		{"alert-backends-cooling", [][]traced{many(190, answered), many(10, refused)}, []string{"gpt | 200 | 10"}},
		{"alert-backends-cooling", [][]traced{many(5, refused), many(5, down)}, []string{"gpt | 10 | 10"}},
		{"alert-backends-cooling", [][]traced{many(191, answered), many(10, refused)}, nil},
		{"alert-backends-cooling", [][]traced{many(9, refused)}, nil},
		{"alert-counter-local", [][]traced{many(90, answered), many(10, counted)}, []string{"gpt | 100 | 10"}},
		{"alert-counter-local", [][]traced{many(91, answered), many(10, counted)}, nil},
		{"alert-counter-local", [][]traced{many(9, counted), many(100, mistyped)}, nil},
		{"alert-credentials-refused", [][]traced{many(2, noCredential), many(100, answered)}, []string{"weu | no_credential | 2"}},
		{"alert-credentials-refused", [][]traced{many(100, renewed)}, nil},
	} {
		got := run(t, slices.Concat(c.lines...), map[string]string{c.alert: read(t, "infra/queries/"+c.alert+".kql")})[c.alert]
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.alert, got, c.want)
		}
	}
}
