package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/upstream"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// rig is a Transport and a backend whose every byte a test says, over a network in memory and in virtual time.
type rig struct {
	t         *testing.T
	network   *simulator.Network
	transport *upstream.Transport
	dials     atomic.Int64
	writes    atomic.Int64 // of the Transport
	ended     chan ending  // a connection at the backend
}

// ending is when a connection ended, and how the backend met it.
type ending struct {
	after time.Duration
	err   error
}

// script plays a backend on one connection, which is closed after it. Its error is what ended it.
type script func(c net.Conn, from *bufio.Reader) error

func inBubble(t *testing.T, play script, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, network: simulator.NewNetwork(), ended: make(chan ending, 300)}
		r.transport = upstream.New(upstream.Options{Dial: r.dial, Go: func(f func()) { go f() }})
		listener := r.network.Listen("backend.test:80")
		go r.accept(listener, play)
		defer func() {
			r.transport.CloseIdleConnections()
			_ = listener.Close()
			r.network.Close("backend.test:80")
			time.Sleep(time.Minute) // virtual: lets every script end
		}()
		test(r)
	})
}

func (r *rig) accept(l net.Listener, play script) {
	began := time.Now()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = c.Close() }()
			err := play(c, bufio.NewReader(c))
			r.ended <- ending{time.Since(began), err}
		}()
	}
}

func (r *rig) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := r.network.DialContext(ctx, network, address)
	if err == nil {
		r.dials.Add(1)
		c = counted{c, &r.writes}
	}
	return c, err
}

type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// answering takes requests whole and gives each the same bytes.
func answering(answer string) script {
	return func(c net.Conn, from *bufio.Reader) error {
		for {
			if err := takeRequest(from); err != nil {
				return err
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return err
			}
		}
	}
}

func takeRequest(from *bufio.Reader) error {
	req, err := http.ReadRequest(from)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

func request(ctx context.Context, t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func (r *rig) post(body string) (*http.Response, error) {
	return r.transport.Send(request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/a", body), time.Time{})
}

// want reads an answer to its end.
func want(t *testing.T, resp *http.Response, err error, status int, body string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != status || string(got) != body {
		t.Errorf("got %d %.100q, %v; want %d %.100q", resp.StatusCode, got, err, status, body)
	}
}

func (r *rig) wantDials(n int64) {
	r.t.Helper()
	if got := r.dials.Load(); got != n {
		r.t.Errorf("%d connections, want %d", got, n)
	}
}

func wantError(t *testing.T, err error, progress upstream.Progress, reused bool) {
	t.Helper()
	var e *upstream.Error
	if !errors.As(err, &e) || e.Progress != progress || e.Reused != reused {
		t.Errorf("got %+v (%v), want progress %d, reused %v", e, err, progress, reused)
	}
}
