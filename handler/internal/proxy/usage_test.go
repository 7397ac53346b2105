package proxy_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"aoai-balancer/handler/internal/simulator"
)

// tokens are those of the last logged request: input, output, read from the cache; nil where the line does not tell.
func (r *rig) tokens() [3]any {
	last := r.last()
	return [3]any{last["gen_ai.usage.input_tokens"], last["gen_ai.usage.output_tokens"], last["gen_ai.usage.cache_read.input_tokens"]}
}

func TestUsage_OfWhatModelsAnswerIsLogged(t *testing.T) {
	const (
		counted   = `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"one two"}]}`
		responses = "/openai/v1/responses"
	)
	none := [3]any{}
	inBubble(t, 1, func(r *rig) {
		for _, row := range []struct {
			name, method, path, body string
			stream                   any
			want                     [3]any
		}{
			{"chat", "POST", chat, `{"messages":[{"role":"user","content":"one two"}]}`, nil, [3]any{2.0, 8.0, nil}},
			{"chat stream that counts", "POST", chat, counted, true, [3]any{2.0, 8.0, nil}},
			{"chat stream that does not", "POST", chat, streamed, true, none},
			{"embeddings", "POST", "/openai/deployments/e/embeddings?api-version=1", `{"input":"one two"}`, nil, [3]any{2.0, nil, nil}},
			{"response", "POST", responses, `{"model":"gpt","input":"one two"}`, nil, [3]any{2.0, 8.0, 0.0}},
			{"response stream", "POST", responses, `{"model":"gpt","input":"one two","stream":true}`, true, [3]any{2.0, 8.0, 0.0}},
			{"files", "GET", "/openai/files?api-version=1", "", nil, none},
		} {
			r.do(r.request(r.t.Context(), row.method, row.path, row.body))
			if got := r.tokens(); got != row.want {
				t.Errorf("%s: %v, want %v", row.name, got, row.want)
			}
			if got := r.last()["stream"]; got != row.stream {
				t.Errorf("%s: stream %v", row.name, got)
			}
		}
	})
}

// A stored response is read again and again, and took its tokens once.
func TestUsage_OfAnAnswerThatIsReadAgainIsNotLogged(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{Times: -1, Body: `{"usage":{"input_tokens":1,"output_tokens":2}}`, Header: jsonType()})
		for _, call := range [][2]string{{"GET", "/openai/v1/responses/resp_1"}, {"GET", "/openai/v1/chat/completions"}, {"POST", "/openai/v1/chat/completions/c_1"}} {
			if got := r.do(r.request(r.t.Context(), call[0], call[1], "{}")); got.status != 200 || r.tokens() != [3]any{} {
				t.Errorf("%s: %d, %v", call, got.status, r.tokens())
			}
		}
	})
}

func jsonType() map[string]string { return map[string]string{"Content-Type": "application/json"} }

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUsage_OfAnAnswerInGzipIsReadUpToABound(t *testing.T) {
	const usage = `,"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	noise := make([]byte, 100<<10)
	for i := range noise {
		noise[i] = byte(rand.N(256))
	}
	for name, row := range map[string]struct {
		body     string
		encoding string
		want     [3]any
	}{
		"gzip":                 {packed(t, `{"x":"`+strings.Repeat("word ", 50<<10)+`"`+usage), "gzip", [3]any{3.0, 4.0, nil}},
		"too long":             {packed(t, `{"x":"`+hex.EncodeToString(noise)+`"`+usage), "gzip", [3]any{}},
		"too much of it":       {packed(t, `{"x":"`+strings.Repeat("word ", 1<<20)+`"`+usage), "gzip", [3]any{}},
		"no gzip":              {`{"x":1` + usage, "gzip", [3]any{}},
		"broken off":           {packed(t, `{"x":"`+hex.EncodeToString(noise[:4096])+`"`+usage)[:4096], "gzip", [3]any{}},
		"another":              {`{"x":1` + usage, "br", [3]any{}},
		"none, for comparison": {`{"x":1` + usage, "", [3]any{3.0, 4.0, nil}},
	} {
		inBubble(t, 1, func(r *rig) {
			header := jsonType()
			header["Content-Encoding"] = row.encoding
			r.backends[0].Script(simulator.Step{Body: row.body, Header: header})
			if got := r.ask(); got.status != http.StatusOK || got.body != row.body {
				t.Errorf("%s: %d, and %d bytes of %d", name, got.status, len(got.body), len(row.body))
			}
			if got := r.tokens(); got != row.want {
				t.Errorf("%s: %v, want %v", name, got, row.want)
			}
		})
	}
}

func TestUsage_OfAStreamIsLoggedEvenIfItsEndIsMissing(t *testing.T) {
	const usage = `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	inBubble(t, 1, func(r *rig) {
		r.backends[0].Script(simulator.Step{Events: []string{`data: {"choices":[{"delta":{"content":"x"}}]}`, usage, "data: [DONE]"}, CutAfter: 2})
		if got := r.stream(); got.err == nil {
			t.Errorf("a clean end after %q", got.body)
		}
		synctest.Wait()
		if last := r.last(); last["outcome"] != "stream_broken" || r.tokens() != [3]any{3.0, 4.0, nil} {
			t.Errorf("logged %v", last)
		}
	})
}
