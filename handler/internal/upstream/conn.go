package upstream

import (
	"bufio"
	"errors"
	"net"
	"net/url"
	"os"
	"sync/atomic"
	"time"
)

// address is where a connection leads.
type address struct{ scheme, host string }

// dialled has a port, as dialling wants it.
func (a address) dialled() string {
	u := url.URL{Host: a.host}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[a.scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (a address) name() string { return (&url.URL{Host: a.host}).Hostname() }

// conn is one connection. The goroutine of the exchange that uses it owns it, but for what it sends: that may be another's.
type conn struct {
	net.Conn // over TLS where the address says so
	raw      net.Conn
	host     address
	reader   *bufio.Reader
	peek     func() bool // reports that nothing has arrived, and that nothing ended; nil where that cannot be known
	budget   int64       // bytes that it may still read of an answer's head
	heard    bool        // something came back in this exchange
	sent     atomic.Bool // something was sent in this exchange
	broken   atomic.Bool // a write failed
	since    time.Time   // it waits
}

func (c *conn) Read(p []byte) (int, error) {
	if c.budget <= 0 {
		return 0, errHeadersTooLong
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.budget)])
	c.budget -= int64(n)
	c.heard = c.heard || n > 0
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if n > 0 {
		c.sent.Store(true)
	}
	if err != nil {
		c.broken.Store(true)
	}
	return n, err
}

// stands reports whether a connection that waited can be used: it is not too old, no end has come, and nothing of an answer
// that nobody asked for, which would be taken for the next one.
func (c *conn) stands() bool {
	return !c.isOld() && (c.peek == nil || c.peek()) && (c.Conn == c.raw || c.holdsNothing())
}

// isOld asks the clock on the wall: a timer stands still while the machine does.
func (c *conn) isOld() bool { return time.Now().Round(0).Sub(c.since.Round(0)) >= idleTime }

// holdsNothing looks at what TLS has read from the socket and not yet given.
func (c *conn) holdsNothing() bool {
	_ = c.SetReadDeadline(time.Unix(1, 0)) // long ago: nothing more is read
	n, err := c.Conn.Read(make([]byte, 1))
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// abort ends the connection at once, from any goroutine, and without a farewell, which might have to wait.
func (c *conn) abort() { _ = c.raw.Close() }
