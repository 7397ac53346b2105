// Package upstream sends a request to a backend over a pooled connection and reads the answer, both on the goroutine that
// asks.
//
// net/http's Transport hands each request to two goroutines of its connection, and may send it again by itself. Here every
// call has a goroutine of its own already, so the hand-overs are left out; a request is sent once; and an exchange that
// fails says how far it got, which decides what its backend is to blame for. HTTP/1.1 only: the fate of one HTTP/2
// connection would be the fate of every request on it.
package upstream

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a connection to a backend: a region that is gone must cost little.
const (
	dialTime  = 2 * time.Second
	tlsTime   = 5 * time.Second
	idleTime  = 30 * time.Second
	idleConns = 128 // a host
)

// Options are what a Transport works with.
type Options struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // as net.Dialer's DialContext
	TLS  *tls.Config                                                          // of https; nil: the system's roots
	Go   func(func())                                                         // starts a goroutine whose panics go no further
}

// Transport is the connections to all backends. It is safe for concurrent use.
type Transport struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	tls  *tls.Config
	run  func(func())
	idle pool

	writers sync.Pool // of *bufio.Writer
}

// New makes a Transport without connections.
func New(o Options) *Transport {
	config := new(tls.Config)
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	return &Transport{dial: o.Dial, tls: config, run: o.Go, writers: sync.Pool{New: func() any { return bufio.NewWriterSize(nil, piece) }}}
}

// Send sends a request and returns with the answer's headers. Its errors are of type *Error.
//
// The request's body, of which the length must be known, is closed in any case, perhaps after Send has returned. The request's
// context ends the exchange until the answer's body is at its end or closed. If the headers are not here by the time given, the
// error is ErrTimedOut; the zero time is no limit. Interim answers (1xx) are skipped; a 101 is an error, since no upgrade is
// asked for.
//
// The answer's body has a method SetReadDeadline, as net.Conn has it, whose error when reading is ErrTimedOut; until it is
// called, the time given holds. It and Close may be called while another goroutine reads. The connection serves again if
// the body was read to its end; Close does not read on.
func (t *Transport) Send(req *http.Request, until time.Time) (*http.Response, error) {
	if err := check(req); err != nil {
		closeBody(req)
		return nil, &Error{Progress: NotSendable, Err: err}
	}
	c, reused, err := t.connection(req, until)
	if err != nil {
		closeBody(req)
		return nil, &Error{Progress: NotConnected, Err: unconnected(req.Context(), until, err)}
	}
	x := &exchange{transport: t, conn: c, ctx: req.Context()}
	resp, err := x.do(req, until)
	if err != nil {
		x.end(false)
		return nil, &Error{Progress: x.progress(), Reused: reused, Err: reason(x.ctx, err)}
	}
	return resp, nil
}

// CloseIdleConnections closes what no exchange uses.
func (t *Transport) CloseIdleConnections() { t.idle.close() }

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// connection is one that waits, if it still stands, or else a new one.
func (t *Transport) connection(req *http.Request, until time.Time) (c *conn, reused bool, err error) {
	if err := req.Context().Err(); err != nil {
		return nil, false, err
	}
	host := address{req.URL.Scheme, req.URL.Host}
	for c := t.idle.take(host); c != nil; c = t.idle.take(host) {
		if c.stands() {
			return c, true, nil
		}
		c.abort()
	}
	ctx := req.Context()
	if !until.IsZero() {
		var cancel func()
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	c, err = t.connect(ctx, host)
	return c, false, err
}

func (t *Transport) connect(ctx context.Context, host address) (*conn, error) {
	dialing, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	raw, err := t.dial(dialing, "tcp", host.dialled())
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, raw: raw, host: host, peek: peeker(raw)}
	if host.scheme == "https" {
		if c.Conn, err = t.secure(ctx, raw, host); err != nil {
			_ = raw.Close()
			return nil, err
		}
	}
	c.reader = bufio.NewReader(c)
	return c, nil
}

func (t *Transport) secure(ctx context.Context, raw net.Conn, host address) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tlsTime)
	defer cancel()
	config := t.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = host.name()
	}
	secured := tls.Client(raw, config)
	return secured, secured.HandshakeContext(ctx)
}
