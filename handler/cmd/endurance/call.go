package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// longest is after which a call counts as unanswered: well over the handler's REQUEST_TIMEOUT.
	longest   = 30 * time.Second
	earlyTime = 30 * time.Millisecond
	firstPart = 256 << 10
	// maxAnswer is well over the longest answer here.
	maxAnswer = 8 << 20
)

// call makes one call and opens and closes its account.
func (c *caller) call(ctx context.Context) {
	next := c.next()
	id := c.traceID()
	c.parts.ledger.open(id, next.kind, sha256.Sum256([]byte(next.body)))
	c.parts.ledger.close(id, c.send(ctx, id, next))
}

func (c *caller) traceID() string {
	var id [16]byte
	for i := range id {
		id[i] = byte(c.random.Uint32())
	}
	return hex.EncodeToString(id[:])
}

// send is a call and its answer as the caller sees it.
func (c *caller) send(ctx context.Context, id string, next call) result {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var leaving atomic.Bool
	base := c.parts.handlers[c.random.IntN(len(c.parts.handlers))].URL
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+next.path, strings.NewReader(next.body))
	if err != nil {
		return result{end: lost, problem: err}
	}
	if next.early {
		req = leaveEarly(req, func() {
			leaving.Store(true)
			cancel()
		})
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+id+"-0123456789abcdef-01")
	resp, err := c.client.Do(req)
	switch {
	case err != nil && leaving.Load():
		return result{end: left}
	case err != nil:
		return result{end: lost, problem: err}
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(resp, next, &leaving)
}

// leaveEarly has leave called when a part of a large body was sent, and a moment after a small one was: only then is it
// certain that the handler gets to know of the call. That the headers are written says no more than that they wait to
// be sent.
func leaveEarly(req *http.Request, leave func()) *http.Request {
	if req.ContentLength > 2*firstPart {
		req.Body, req.GetBody = &partly{ReadCloser: req.Body, leave: leave}, nil
		return req
	}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				time.AfterFunc(rand.N(earlyTime), leave)
			}
		},
	}))
}

// partly is a body of which only the first part is sent.
type partly struct {
	io.ReadCloser
	read  int
	leave func()
}

func (b *partly) Read(p []byte) (int, error) {
	if b.read > firstPart {
		b.leave()
	}
	n, err := b.ReadCloser.Read(p)
	b.read += n
	return n, err
}

func (c *caller) read(resp *http.Response, next call, leaving *atomic.Bool) result {
	r := result{status: resp.StatusCode, backend: resp.Header.Get("x-aoai-backend"), wait: resp.Header.Get("Retry-After") != ""}
	limit := int64(maxAnswer)
	if next.midway > 0 {
		limit = int64(next.midway)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	r.body, r.problem = sha256.Sum256(body), err
	switch {
	case err != nil && leaving.Load(), err == nil && int64(len(body)) == limit:
		r.end = left
	case err != nil:
		r.end = broken
	case r.status == http.StatusOK && !isWhole(body, next.stream):
		r.end = cut
	default:
		r.end, r.public = answered, isEnvelope(body)
		c.remember(next, r.status, body)
	}
	return r
}

// isWhole looks for the end that an answer has.
func isWhole(body []byte, stream bool) bool {
	if !stream {
		return json.Valid(body)
	}
	return bytes.HasSuffix(body, []byte("data: [DONE]\n\n")) || bytes.Contains(body, []byte("\nevent: response.completed\n"))
}

func isEnvelope(body []byte) bool {
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(body, &envelope) == nil && len(envelope.Error) > 0
}

// remember keeps a response's id, for the next call of the conversation. Streams name it in their first event.
func (c *caller) remember(next call, status int, body []byte) {
	if next.path != "/openai/v1/responses" || status != http.StatusOK {
		return
	}
	if _, after, ok := bytes.Cut(body, []byte(`"id":"resp_`)); ok {
		id, _, _ := bytes.Cut(after, []byte(`"`))
		c.response = "resp_" + string(id)
	}
}
