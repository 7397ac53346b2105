package proxy_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/telemetry"
)

// What a call allocates does not depend on the machine's mood, so it is what keeps the hot path as light as it is. The
// test's own request and the canned backend's answer are in the numbers.
func TestAllocations_OfACallStayAsFewAsTheyAre(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes pools forget")
	}
	const completion = `{"choices":[{"message":{"content":"word"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`
	for _, row := range []struct {
		name, path, sticky string
		most               float64
	}{
		{"chat", chat, "", 63},
		{"chat, the model in the body", "/openai/v1/chat/completions", "", 77},
		{"chat with a sticky key", chat, "user", 106},
	} {
		p := newBenchProxy(completion, row.sticky)
		wantAllocations(t, row.name, row.most, func() { serveQuietly(t, p, row.path) })
	}
}

func TestAllocations_OfAStreamDoNotGrowWithItsEvents(t *testing.T) {
	count := func(events int) float64 {
		p := newBenchProxy("", "")
		p.Transport = eventful(events)
		return testing.AllocsPerRun(50, func() { serveQuietly(t, p, chat) })
	}
	if few, many := count(10), count(1000); many > few+5 {
		t.Errorf("%v allocations for 10 events, %v for 1,000", few, many)
	}
}

func wantAllocations(t *testing.T, name string, most float64, do func()) {
	t.Helper()
	if got := testing.AllocsPerRun(200, do); got > most {
		t.Errorf("%s: %v allocations, want at most %v", name, got, most)
	}
}

func serveQuietly(t *testing.T, p http.Handler, path string) {
	body := `{"model":"gpt","messages":[{"role":"user","content":"` + strings.Repeat("word ", 200) + `"}],"user":"u"}`
	ctx, _ := telemetry.WithRecord(context.Background())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(body))
	w := quiet{header: http.Header{}}
	if p.ServeHTTP(&w, r); w.status != http.StatusOK {
		t.Fatalf("answered %d", w.status)
	}
}

// eventful answers with so many events, one a read.
type eventful int

func (e eventful) Send(r *http.Request, _ time.Time) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	_ = r.Body.Close()
	left := int(e)
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, ContentLength: -1,
		Body: io.NopCloser(readerFunc(func(p []byte) (int, error) {
			if left--; left < 0 {
				return 0, io.EOF
			}
			return copy(p, "data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n"), nil
		})),
	}, nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
