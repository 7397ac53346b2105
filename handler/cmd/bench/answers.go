package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// What a simulated backend answers is told by the deployment's name, so that backend and load agree without a word:
// "events-50" is a stream of 50 events, "idle" one event and then silence, "embeddings" 1 MB of JSON, and any other name
// a chat completion.
const (
	eventsPrefix = "events-"
	idleName     = "idle"
	vectorsName  = "embeddings"
	vectorsSize  = 1 << 20
	lastEvent    = "data: [DONE]\n\n"
)

// completion is a chat completion of 1 KB.
func completion() []byte {
	const head = `{"id":"chatcmpl-B1","object":"chat.completion","created":1767225600,"model":"gpt-5.1","system_fingerprint":"fp_1",` +
		`"choices":[{"index":0,"finish_reason":"stop","logprobs":null,"message":{"role":"assistant","content":"`
	const tail = `"}}],"usage":{"prompt_tokens":180,"completion_tokens":120,"total_tokens":300,"prompt_tokens_details":{"cached_tokens":0}}}`
	return []byte(head + strings.Repeat("word ", (1<<10-len(head)-len(tail))/5) + tail)
}

// vectors is an answer of embeddings.
func vectors() []byte {
	var b bytes.Buffer
	b.Grow(vectorsSize + 1<<10)
	b.WriteString(`{"object":"list","model":"text-embedding-3-small","data":[`)
	for i := 0; b.Len() < vectorsSize; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"object":"embedding","index":%d,"embedding":[0.1`, i)
		b.WriteString(strings.Repeat(",-0.012345678", 255))
		b.WriteString("]}")
	}
	b.WriteString(`],"usage":{"prompt_tokens":8000,"total_tokens":8000}}`)
	return b.Bytes()
}

// event is one chunk of a streamed completion.
func event() []byte {
	return []byte(`data: {"id":"chatcmpl-B1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-5.1",` +
		`"choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n")
}

// deployments answers as a backend does, at once.
type deployments struct {
	completion, vectors, event []byte
}

func newDeployments() *deployments {
	return &deployments{completion: completion(), vectors: vectors(), event: event()}
}

// deploymentOf gives the segment after /openai/deployments/.
func deploymentOf(u *url.URL) string {
	_, rest, _ := strings.Cut(u.Path, "/deployments/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func (d *deployments) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := discard(r.Body); err != nil {
		return
	}
	name := deploymentOf(r.URL)
	count, isStream := strings.CutPrefix(name, eventsPrefix)
	switch {
	case isStream:
		events, _ := strconv.Atoi(count)
		d.stream(w, events)
	case name == idleName:
		d.idle(w, r)
	case name == vectorsName:
		answer(w, d.vectors)
	default:
		answer(w, d.completion)
	}
}

func answer(w http.ResponseWriter, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	limits(h)
	_, _ = w.Write(body)
}

// limits are the headers that every answer of Azure OpenAI has.
func limits(h http.Header) {
	h.Set("X-Ratelimit-Limit-Tokens", "1000000")
	h.Set("X-Ratelimit-Remaining-Tokens", "999000")
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("Apim-Request-Id", "4f1c8f6e-1d0b-4a57-9d2e-3f8f5f0f2a11")
}

// stream sends each event by itself, as a model does.
func (d *deployments) stream(w http.ResponseWriter, events int) {
	w.Header().Set("Content-Type", "text/event-stream")
	limits(w.Header())
	flush := http.NewResponseController(w).Flush
	for range events - 1 {
		if _, err := w.Write(d.event); err != nil || flush() != nil {
			return
		}
	}
	_, _ = w.Write([]byte(lastEvent))
}

// idle keeps the stream open until its reader leaves.
func (d *deployments) idle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if _, err := w.Write(d.event); err != nil || http.NewResponseController(w).Flush() != nil {
		return
	}
	<-r.Context().Done()
}
