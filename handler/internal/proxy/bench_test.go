package proxy_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/proxy"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/telemetry"
)

// canned answers at once, so that what is measured is the product's own part.
type canned struct{ answer []byte }

func (c canned) Send(r *http.Request, _ time.Time) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(c.answer)),
		Body: io.NopCloser(bytes.NewReader(c.answer)),
	}, nil
}

func newBenchProxy(answer, stickyKey string) *proxy.Proxy {
	names := []string{"a", "b", "c"}
	var backends []*backend.Backend
	var members []rotation.Member
	for _, name := range names {
		endpoint := &url.URL{Scheme: "http", Host: name + ".test"}
		backends = append(backends, &backend.Backend{Name: name, Endpoint: endpoint, Credential: credential.Literal("k"), Priority: 1, Weight: 1})
		members = append(members, rotation.Member{Name: name, Weight: 1, Priority: 1})
	}
	o := defaults()
	o.Backends, o.Health, o.Rotation = backend.NewSet(backends), backend.NewHealth(3, 10*time.Second, time.Minute), rotation.New(members)
	o.Transport, o.Go = canned{[]byte(answer)}, func(f func()) { go f() }
	o.Homes, o.StickyKey = affinity.New(affinity.Options{Backends: names}), stickyKey
	return proxy.New(o)
}

// quiet throws an answer away, and keeps what tells whether it was one.
type quiet struct {
	header http.Header
	status int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) Write(p []byte) (int, error) { return len(p), nil }
func (q *quiet) WriteHeader(status int)      { q.status = status }
func (q *quiet) Flush()                      {}

// BenchmarkCall is one call without a network. A chat call names no id; its cost must not depend on what is known of
// ids.
func BenchmarkCall(b *testing.B) {
	filler := strings.Repeat("word ", 1_500)
	message := `{"model":"gpt","messages":[{"role":"user","content":"` + filler + `"}],"input":"` + filler + `","user":"u"}`
	completion := `{"id":"chatcmpl-1","choices":[{"message":{"content":"` + strings.Repeat("word ", 400) + `"}}],"usage":{"completion_tokens":400,"prompt_tokens":1500,"total_tokens":1900}}`
	response := `{"id":"resp_1","output":[{"id":"msg_1","content":[{"text":"` + strings.Repeat("word ", 400) + `"}]}],"usage":{"input_tokens":1500,"output_tokens":400,"total_tokens":1900}}`
	for _, row := range []struct{ name, path, answer, sticky string }{
		{"chat", chat, completion, ""},
		{"chatV1", "/openai/v1/chat/completions", completion, ""},
		{"chatSticky", chat, completion, "user"},
		{"responses", "/openai/v1/responses", response, ""},
	} {
		b.Run(row.name, func(b *testing.B) {
			p := newBenchProxy(row.answer, row.sticky)
			b.ReportAllocs()
			for b.Loop() {
				ctx, _ := telemetry.WithRecord(context.Background())
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, row.path, strings.NewReader(message))
				r.Header.Set("Content-Type", "application/json")
				w := quiet{header: http.Header{}}
				if p.ServeHTTP(&w, r); w.status != http.StatusOK {
					b.Fatalf("answered %d", w.status)
				}
			}
		})
	}
}
