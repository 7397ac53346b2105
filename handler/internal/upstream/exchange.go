package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// atOnce is the longest body that is sent before the answer is looked for: what a socket's buffer takes at once. A longer
	// one is sent by a goroutine of its own, for the backend may answer before it has read it.
	atOnce     = 24 << 10
	piece      = 32 << 10 // of a body, sent with one write
	maxHead    = 256 << 10
	maxInterim = 5
)

// exchange is one request and its answer.
type exchange struct {
	transport *Transport
	conn      *conn
	ctx       context.Context
	uncancel  func() bool           // keeps the context from ending the connection; reports whether it had not
	whole     atomic.Bool           // the request was sent to its last byte
	fault     atomic.Pointer[error] // of the request's body; nil: none

	mu    sync.Mutex
	ended bool // the connection is not this exchange's any more
}

// do returns when the answer's headers are here.
func (x *exchange) do(req *http.Request, until time.Time) (*http.Response, error) {
	c := x.conn
	c.heard, c.budget = false, maxHead
	c.sent.Store(false)
	_ = c.SetDeadline(until)
	x.uncancel = context.AfterFunc(x.ctx, c.abort)
	x.send(req)
	if fault := x.fault.Load(); fault != nil {
		return nil, *fault // no answer may come
	}
	resp, err := x.receive(req)
	if fault := x.fault.Load(); err != nil && fault != nil {
		return nil, *fault
	}
	return resp, err
}

// send sends the request, or starts to.
func (x *exchange) send(req *http.Request) {
	if req.ContentLength <= atOnce {
		x.note(x.write(req))
		return
	}
	x.transport.run(func() {
		err := errors.New("a panic")
		defer func() { x.note(err) }()
		err = x.write(req)
	})
}

// note takes what came of sending. It ends the exchange where the request's body failed. Where the connection did, the backend
// may have answered before it broke off, and its answer counts.
func (x *exchange) note(err error) {
	if x.whole.Store(err == nil); err == nil || x.conn.broken.Load() {
		return
	}
	err = fmt.Errorf("%w: %w", ErrBody, err)
	x.fault.Store(&err)
	x.conn.abort()
}

// write sends the request, with one write if it is short.
func (x *exchange) write(req *http.Request) error {
	defer closeBody(req)
	w := x.transport.writers.Get().(*bufio.Writer)
	w.Reset(x.conn)
	defer func() {
		w.Reset(nil)
		x.transport.writers.Put(w)
	}()
	writeHead(w, req)
	if req.ContentLength > 0 {
		switch n, err := io.Copy(w, req.Body); {
		case err != nil:
			return err
		case n != req.ContentLength:
			return fmt.Errorf("a body of %d bytes, not %d", n, req.ContentLength)
		}
	}
	return w.Flush()
}

// receive reads the answer's headers.
func (x *exchange) receive(req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(x.conn.reader, req)
		switch {
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errUpgraded
		case resp.StatusCode < http.StatusContinue:
			return nil, errNoStatus // net/http's server could not pass it on
		case resp.StatusCode >= http.StatusOK:
			x.conn.budget = math.MaxInt64
			if !x.whole.Load() {
				_ = x.conn.SetWriteDeadline(time.Time{}) // the time given is the headers'
			}
			x.attach(resp)
			return resp, nil
		}
	}
	return nil, errTooManyInterim
}

// attach ends the exchange with the end of the answer's body. After it, the connection may be another's.
func (x *exchange) attach(resp *http.Response) {
	b := &body{exchange: x, reader: resp.Body, again: !resp.Close, past: http.ErrBodyReadAfterClose}
	if resp.Body == http.NoBody && x.whole.Load() {
		x.end(b.again)
		return
	}
	resp.Body = b
}

// end gives the connection back, if it can serve again, or closes it: what is still being sent would mix with the next request.
// Only the first call does anything.
func (x *exchange) end(again bool) {
	x.mu.Lock()
	ended := x.ended
	x.ended = true
	x.mu.Unlock()
	switch {
	case ended:
	case x.uncancel() && again && x.whole.Load() && x.conn.reader.Buffered() == 0:
		x.transport.idle.put(x.conn)
	default:
		x.conn.abort()
	}
}

func (x *exchange) hasEnded() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.ended
}

// setReadDeadline does nothing once the connection may be another exchange's.
func (x *exchange) setReadDeadline(t time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return net.ErrClosed
	}
	return x.conn.SetReadDeadline(t)
}

func (x *exchange) progress() Progress {
	switch {
	case x.conn.heard:
		return Answered
	case x.conn.sent.Load():
		return Sent
	}
	return Connected
}

// body is an answer's body.
type body struct {
	exchange *exchange
	reader   io.Reader
	again    bool  // its end is the connection's next beginning
	past     error // of reading on after the end
}

func (b *body) Read(p []byte) (int, error) {
	if b.exchange.hasEnded() {
		return 0, b.past
	}
	n, err := b.reader.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.past = io.EOF
		b.exchange.end(b.again)
	default:
		err = reason(b.exchange.ctx, err)
		b.past = err
		b.exchange.end(false)
	}
	return n, err
}

// SetReadDeadline limits reads, one that is under way too. Its error is net.ErrClosed after the body's end.
func (b *body) SetReadDeadline(t time.Time) error { return b.exchange.setReadDeadline(t) }

// Close never fails. It does not read on: what the backend still sends ends with its connection.
func (b *body) Close() error {
	b.exchange.end(false)
	return nil
}
