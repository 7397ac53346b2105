package openai_test

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/openai"
)

func TestParseTarget_FindsTheDeploymentSegment(t *testing.T) {
	for _, row := range []struct{ path, deployment, operation, renamed string }{
		{"/openai/deployments/gpt/chat/completions", "gpt", "chat/completions", "/openai/deployments/new%20name/chat/completions"},
		{"/openai/deployments/chat/chat/completions", "chat", "chat/completions", "/openai/deployments/new%20name/chat/completions"},
		{"/openai/deployments/openai/embeddings", "openai", "embeddings", "/openai/deployments/new%20name/embeddings"},
		{"/openai/deployments/deployments/deployments", "deployments", "deployments", "/openai/deployments/new%20name/deployments"},
		{"/openai/deployments/gr%C3%BCn%20er/chat%2Fx/y", "grün er", "chat%2Fx/y", "/openai/deployments/new%20name/chat%2Fx/y"},
		{"/openai/deployments/a%2Fb/embeddings", "a/b", "embeddings", "/openai/deployments/new%20name/embeddings"},
		{"/openai/deployments/gpt", "gpt", "", "/openai/deployments/new%20name"},
		{"/openai/files/x%20y", "*", "files/x%20y", "/openai/files/x%20y"},
		{"/openai/models", "*", "models", "/openai/models"},
		{"/openai/v1/chat/completions", "*", "chat/completions", "/openai/v1/chat/completions"},
	} {
		target, err := openai.ParseTarget(row.path)
		if err != nil || target.Deployment != row.deployment || target.Operation != row.operation {
			t.Errorf("%s: %+v, %v", row.path, target, err)
		}
		if got := target.Path(row.deployment); got != row.path {
			t.Errorf("%s under its own name became %s", row.path, got)
		}
		if got := target.Path("new name"); got != row.renamed {
			t.Errorf("%s renamed became %s", row.path, got)
		}
	}
}

func TestParseTarget_RefusesWithAPublicFace(t *testing.T) {
	for path, status := range map[string]int{
		"/openai/": 404, "/openai": 404, "/other": 404, "/openai/../language/analyze": 404, "/openai/x%2F..%2Fy": 404, "/openai/%2E/x": 404,
		"/openai/deployments": 400, "/openai/deployments/": 400, "/openai/deployments//chat/completions": 400,
		"/openai/chat/completions": 400, "/openai/deployments/%zz/embeddings": 400,
		"/openai/realtime": 501, "/openai/v1/realtime": 501, "/openai/realtime/sessions": 501,
	} {
		_, err := openai.ParseTarget(path)
		var e *openai.Error
		if !errors.As(err, &e) || e.Status != status || e.Code == "" || e.Message == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzParseTarget_TouchesNothingButTheDeployment(f *testing.F) {
	f.Add("/openai/deployments/a%2Fb/chat/completions", "x y")
	f.Add("/openai/deployments/%F0%9F%98%80/;/...//", "ü")
	f.Add("/openai/v1/responses", "m")
	f.Fuzz(func(t *testing.T, path, name string) {
		target, err := openai.ParseTarget(path)
		if err != nil {
			return
		}
		if target.Path(target.Deployment) != path {
			t.Errorf("%q became %q", path, target.Path(target.Deployment))
		}
		if name == "" || len(name) > 512 || strings.Contains(name, ".") || target.Deployment == openai.AnyDeployment {
			return
		}
		renamed, err := openai.ParseTarget(target.Path(name))
		if err != nil || renamed.Deployment != name || renamed.Operation != target.Operation {
			t.Errorf("%q renamed to %q is %+v, %v", path, name, renamed, err)
		}
		if _, err := url.PathUnescape(strings.TrimSuffix(target.Path(name), target.Operation)); err != nil {
			t.Error(err)
		}
	})
}

// A name is kept in memory for as long as a backend lacks the deployment: callers who invent long ones must not fill it.
func TestTarget_NamesThatAreMuchTooLongAreRefused(t *testing.T) {
	for length, ok := range map[int]bool{64: true, 512: true, 513: false} {
		_, err := openai.ParseTarget("/openai/deployments/" + strings.Repeat("%78", length) + "/chat/completions")
		if (err == nil) != ok {
			t.Errorf("a name of %d letters: %v", length, err)
		}
	}
}

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestWait_ReadsEveryFormInItsOrder(t *testing.T) {
	const year = 366 * 24 * time.Hour
	for _, row := range []struct {
		headers string // name=value, separated by |
		want    time.Duration
	}{
		{"retry-after-ms=2500|Retry-After=9", 2500 * time.Millisecond},
		{"retry-after-ms=0.5", 500 * time.Microsecond},
		{"retry-after-ms=soon|Retry-After=9", 9 * time.Second},
		{"Retry-After=1.5", 1500 * time.Millisecond},
		{"Retry-After= 7 ", 7 * time.Second},
		{"Retry-After=Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second},
		{"Retry-After=Sunday, 01-Mar-26 12:00:30 GMT", 30 * time.Second},
		{"Retry-After=Sun, 01 Mar 2026 11:00:00 GMT|x-ratelimit-reset-tokens=20ms", 20 * time.Millisecond},
		{"Retry-After=-3|x-ratelimit-reset-requests=6m0s", 6 * time.Minute},
		{"x-ratelimit-reset-requests=1m|x-ratelimit-reset-tokens=11.1", 11100 * time.Millisecond},
		{"x-ratelimit-reset-requests=300|x-ratelimit-reset-tokens=0s", 300 * time.Second},
		{"x-ratelimit-reset-requests=never|x-ratelimit-reset-tokens=never", 0},
		{"Retry-After=1e300", year},
		{"retry-after-ms=NaN|Retry-After=Inf", year},
		{"Retry-After=99999999999999999999", year},
		{"Retry-After=Fri, 31 Dec 9999 23:59:59 GMT", year},
		{"retry-after-ms=0|Retry-After=0", 0},
		{"", 0},
	} {
		h := http.Header{}
		for pair := range strings.SplitSeq(row.headers, "|") {
			name, value, _ := strings.Cut(pair, "=")
			h.Set(name, value)
		}
		got, ok := openai.Wait(h, now())
		if got != row.want || ok != (row.want > 0) {
			t.Errorf("%s: %v, %v; want %v", row.headers, got, ok, row.want)
		}
	}
}

func FuzzWait_IsBoundedAndPositive(f *testing.F) {
	f.Add("2500", "9", "6m0s", "11.1")
	f.Add("-1", "Sun, 01 Mar 2026 12:00:30 GMT", "20ms", "300")
	f.Add("1e309", "0x1p-1074", "9223372036854775807h", "")
	f.Fuzz(func(t *testing.T, milliseconds, seconds, requests, tokens string) {
		h := http.Header{"Retry-After-Ms": {milliseconds}, "Retry-After": {seconds}, "X-Ratelimit-Reset-Requests": {requests}, "X-Ratelimit-Reset-Tokens": {tokens}}
		wait, ok := openai.Wait(h, now())
		if ok != (wait > 0) || wait > 366*24*time.Hour {
			t.Errorf("%v, %v", wait, ok)
		}
	})
}

func TestError_WritesTheEnvelopeAndItsHeaders(t *testing.T) {
	for _, row := range []struct {
		err                   openai.Error
		ms, seconds, shouldRe string
	}{
		{openai.Error{Status: 429, Wait: 2500 * time.Millisecond}, "2500", "3", ""},
		{openai.Error{Status: 429, Wait: 1500*time.Millisecond + 1}, "1501", "2", ""},
		{openai.Error{Status: 429, Wait: 61 * time.Second}, "61000", "61", "false"},
		{openai.Error{Status: 504, NoRetry: true}, "", "", "false"},
		{openai.Error{Status: 404}, "", "", ""},
	} {
		row.err.Code, row.err.Message, row.err.Type, row.err.Cause = "c", `says "x"`, "t", errors.New("private")
		w := httptest.NewRecorder()
		row.err.Write(w)
		const body = `{"error":{"code":"c","message":"says \"x\"","type":"t","param":null}}` + "\n"
		h := w.Header()
		if w.Code != row.err.Status || w.Body.String() != body || h.Get("Content-Type") != "application/json" ||
			h.Get("retry-after-ms") != row.ms || h.Get("Retry-After") != row.seconds || h.Get("x-should-retry") != row.shouldRe {
			t.Errorf("%+v: %d %v %s", row.err, w.Code, h, w.Body)
		}
	}
}

func TestSetWait_IsNeverShorterThanTheWait(t *testing.T) {
	for wait := time.Duration(1); wait < math.MaxInt64/4; wait = wait*3 + 1 {
		h := http.Header{}
		openai.SetWait(h, wait)
		if got, ok := openai.Wait(h, now()); !ok || (got < wait && wait < 366*24*time.Hour) {
			t.Fatalf("%v is advertised as %v", wait, got)
		}
	}
}

func TestErrorCode_ReadsOnlyTheEnvelope(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"code":"DeploymentNotFound"}}`: "DeploymentNotFound",
		`{"error":{"code":429}}`:                  "",
		`{"error":"x"}`:                           "",
		`[1]`:                                     "",
		`<html>`:                                  "",
		``:                                        "",
	} {
		if got := openai.ErrorCode([]byte(body)); got != want {
			t.Errorf("%s: %q", body, got)
		}
	}
}
