package simulator

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	jsonType   = "application/json"
	streamType = "text/event-stream; charset=utf-8"
)

// refuse answers an error of normal service.
func (c *call) refuse(status int, body string) error {
	return c.plain(status, jsonType, []byte(body))
}

// plain answers in one piece.
func (c *call) plain(status int, contentType string, body []byte) error {
	if err := c.begin(contentType); err != nil {
		return err
	}
	if s := c.step.Status; s > status && s < 300 {
		status = s // a step's 201 or 202 over normal service
	}
	bodyless := status == http.StatusNoContent || status == http.StatusNotModified
	if !bodyless {
		c.w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.w.WriteHeader(status)
	if bodyless {
		return nil
	}
	if c.step.disturbs() {
		body = body[:len(body)/2]
	}
	if _, err := c.w.Write(body); err != nil {
		return err
	}
	if c.step.disturbs() {
		return c.disturb(c.step.CutAfter != 0)
	}
	return nil
}

// stream answers n events, each flushed by itself. The event function appends
// event i, its blank line included.
func (c *call) stream(n int, event func(dst []byte, i int) []byte) error {
	if err := c.begin(streamType); err != nil {
		return err
	}
	c.w.WriteHeader(max(c.step.Status, http.StatusOK))
	flusher := http.NewResponseController(c.w)
	cut, stall := disturbAt(c.step.CutAfter, n), disturbAt(c.step.Stall, n)
	for i := 0; ; i++ {
		if i == cut || i == stall {
			return c.disturb(i == cut)
		}
		if i == n {
			return nil
		}
		if err := c.pause(c.eventDelay(i)); err != nil {
			return err
		}
		c.out = event(c.out[:0], i)
		if _, err := c.w.Write(c.out); err != nil {
			return err
		}
		if err := flusher.Flush(); err != nil {
			return err
		}
	}
}

// disturbAt is the event before which a scripted disturbance happens, -1 for
// none. One beyond the end happens at the end.
func disturbAt(after, n int) int {
	switch {
	case after == 0:
		return -1
	case after < 0:
		return 0
	}
	return min(after, n)
}

// disturb breaks the connection, or leaves it silent until the caller goes.
func (c *call) disturb(cut bool) error {
	if err := http.NewResponseController(c.w).Flush(); err != nil {
		return err
	}
	if !cut {
		return c.untilLeft()
	}
	if c.step.Reset {
		return errReset
	}
	return errCut
}

// untilLeft waits for the caller to leave. net/http notices that only once the
// body has been read.
func (c *call) untilLeft() error {
	if c.unread {
		if _, err := io.Copy(io.Discard, c.r.Body); err != nil {
			return err
		}
	}
	<-c.r.Context().Done()
	return context.Cause(c.r.Context())
}

// begin waits for the first delay, then sets the headers that every answer has
// and those of the step.
func (c *call) begin(contentType string) error {
	if err := c.pause(c.firstDelay()); err != nil {
		return err
	}
	h := c.w.Header()
	h["Content-Type"] = []string{contentType}
	h["Apim-Request-Id"] = []string{c.requestID()}
	h["X-Request-Id"] = h["Apim-Request-Id"]
	h["X-Ms-Region"] = []string{c.o.options.Name}
	h["X-Simulator-Backend"] = h["X-Ms-Region"]
	h["X-Ms-Rai-Invoked"] = []string{"true"}
	h["Azureml-Model-Session"] = []string{"d001-20260301000000"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Strict-Transport-Security"] = []string{"max-age=31536000; includeSubDomains; preload"}
	if c.deployment != "" {
		h["X-Ms-Deployment-Name"] = []string{c.deployment}
	}
	if c.unread {
		// Else net/http reads up to 256 KiB of the body before it answers, to
		// make way for the connection's next request.
		h["Connection"] = []string{"close"}
	}
	if !c.step.answers() {
		c.verdict.setHeaders(h)
	}
	for name, value := range c.step.Header {
		h.Set(name, value)
	}
	return nil
}

// requestID has the form of a UUID.
func (c *call) requestID() string {
	return c.unique[:8] + "-0000-4000-8000-" + c.unique[8:]
}

func (c *call) firstDelay() time.Duration {
	if c.step.Delay > 0 {
		return c.step.Delay
	}
	return c.o.options.FirstDelay
}

// eventDelay is the wait before event i; the first comes with the headers.
func (c *call) eventDelay(i int) time.Duration {
	switch {
	case i == 0:
		return 0
	case c.step.EventDelay > 0:
		return c.step.EventDelay
	}
	return c.o.options.TokenDelay
}

// pause waits, and fails at once when the caller leaves.
func (c *call) pause(d time.Duration) error {
	ctx := c.r.Context()
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// resetCaller ends the connection without a clean end: with a TCP reset where the
// connection can, otherwise by closing it. HTTP/2 has no connection of its own
// to reset, so there the stream is aborted.
func resetCaller(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	resetConn(conn)
}

func resetConn(conn net.Conn) {
	switch c := conn.(type) {
	case *net.TCPConn:
		// Without lingering, closing discards what is unsent and sends a reset.
		_ = c.SetLinger(0)
	case interface{ Reset() error }:
		_ = c.Reset()
		return
	case interface{ NetConn() net.Conn }: // *tls.Conn, whose Close would say goodbye first
		resetConn(c.NetConn())
		return
	}
	_ = conn.Close()
}
