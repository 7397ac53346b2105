package openai

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// Bounds of what is held back of a stream before its first content.
const (
	maxOpeningEvents = 64
	maxOpeningBytes  = 256 << 10
)

// Opening reads the first events of a stream to learn whether it fails before it has said anything: Azure can answer
// 200 and only then report a rate limit. It looks at bytes that its caller holds, and never changes them. Not safe for
// concurrent use.
type Opening struct {
	read   int // bytes of whole events seen so far
	events int
}

// Verdict is what an Opening makes of a stream so far.
type Verdict struct {
	Decided bool
	Status  int // the HTTP status that a failure stands for; 0: the stream may flow
}

// Look judges all that was held so far: it must be called with the same bytes again, and what came since.
func (o *Opening) Look(held []byte) Verdict {
	for {
		event, size := nextEvent(held[o.read:])
		if size == 0 {
			return Verdict{Decided: len(held) >= maxOpeningBytes}
		}
		o.read += size
		o.events++
		if v := judgeEvent(event); v.Decided || o.events >= maxOpeningEvents {
			return Verdict{true, v.Status}
		}
	}
}

// nextEvent cuts the first whole event off and joins its data lines; size is how many bytes it took, 0 where it is not
// complete (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
func nextEvent(p []byte) (data []byte, size int) {
	for {
		line, rest, ok := bytes.Cut(p[size:], []byte{'\n'})
		if !ok {
			return nil, 0
		}
		size = len(p) - len(rest)
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			return data, size
		}
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(value, []byte{' '})...), '\n')
		}
	}
}

// streamEvent holds what tells content from preliminaries, in chat, completions and Responses streams.
type streamEvent struct {
	Type     string       `json:"type"`
	Code     any          `json:"code"`
	Error    *streamError `json:"error"`
	Response struct {
		Error *streamError `json:"error"`
	} `json:"response"`
	Choices []streamChoice `json:"choices"`
}

type streamChoice struct {
	Delta  map[string]any `json:"delta"`
	Text   string         `json:"text"`
	Finish any            `json:"finish_reason"`
}

type streamError struct {
	Code any    `json:"code"`
	Type string `json:"type"`
}

func judgeEvent(data []byte) Verdict {
	if len(data) == 0 {
		return Verdict{} // a comment: keep-alive
	}
	var e streamEvent
	if json.Unmarshal(data, &e) != nil {
		return Verdict{Decided: true}
	}
	switch {
	case e.Error != nil:
		return Verdict{true, e.Error.status()}
	case e.Type == "error":
		return Verdict{true, statusOf(e.Code)}
	case e.Type == "response.failed" && e.Response.Error != nil:
		return Verdict{true, e.Response.Error.status()}
	}
	return Verdict{Decided: e.hasContent()}
}

// hasContent is true for whatever it does not know to be preliminary.
func (e streamEvent) hasContent() bool {
	switch e.Type {
	case "response.created", "response.queued", "response.in_progress", "response.output_item.added", "response.content_part.added":
		return false
	case "":
	default:
		return true
	}
	for _, c := range e.Choices {
		if c.Text != "" || c.Finish != nil || c.saysSomething() {
			return true
		}
	}
	return e.Choices == nil
}

func (c streamChoice) saysSomething() bool {
	for name, value := range c.Delta {
		if name != "role" && value != nil && value != "" {
			return true
		}
	}
	return false
}

func (e *streamError) status() int {
	if status := statusOf(e.Code); status != 0 {
		return status
	}
	return statusOf(e.Type)
}

// statusOf is the status that a backend would have answered had it known in time; 0 for what no other backend mends.
func statusOf(code any) int {
	if n, ok := code.(float64); ok && (n == 408 || n == 429 || (n >= 500 && n <= 599)) {
		return int(n)
	}
	s, _ := code.(string)
	switch strings.ToLower(s) {
	case "429", "rate_limit_exceeded", "too_many_requests", "insufficient_quota", "tokens", "requests":
		return http.StatusTooManyRequests
	case "408", "timeout":
		return http.StatusRequestTimeout
	case "500", "502", "server_error", "internal_error", "internal_server_error", "internalservererror":
		return http.StatusInternalServerError
	case "503", "504", "service_unavailable", "serviceunavailable", "server_overloaded", "engine_overloaded":
		return http.StatusServiceUnavailable
	}
	return 0
}

// BrokenStream is the event that tells a caller that its stream ends here for a fault, in the shape of the API that
// was called; the connection is ended after it.
func BrokenStream(operation, message string) []byte {
	fault := envelopeError{Code: "stream_broken", Message: message, Type: "server_error"}
	if operation != "responses" {
		body, _ := json.Marshal(envelope{fault})
		return append(append([]byte("data: "), body...), "\n\n"...)
	}
	body, _ := json.Marshal(struct {
		Type string `json:"type"`
		envelopeError
	}{"error", fault})
	return append(append([]byte("event: error\ndata: "), body...), "\n\n"...)
}
