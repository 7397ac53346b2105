package simulator

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxInFlight is how much a connection holds each way before a writer waits.
const maxInFlight = 64 << 10

// memoryConn is one end of a connection in memory. Like a socket it may be
// used by several goroutines at once.
type memoryConn struct {
	in, out       *flow
	local, remote memoryAddr
	once          sync.Once
	onClose       func() // may be nil
}

func newMemoryConns(from, to memoryAddr) (client, server *memoryConn) {
	up, down := newFlow(), newFlow()
	client = &memoryConn{in: down, out: up, local: from, remote: to}
	server = &memoryConn{in: up, out: down, local: to, remote: from}
	return client, server
}

func (c *memoryConn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

func (c *memoryConn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

// opError gives an error the form that package net gives it, except io.EOF,
// which is bare there, too.
func (c *memoryConn) opError(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Close ends both directions cleanly: the other end reads what was sent and
// then io.EOF; its writes fail.
func (c *memoryConn) Close() error {
	err := c.opError("close", net.ErrClosed)
	c.once.Do(func() {
		err = nil
		c.in.closeReading(os.NewSyscallError("write", syscall.EPIPE))
		c.out.closeWriting(net.ErrClosed)
		if c.onClose != nil {
			c.onClose()
		}
	})
	return err
}

// CloseWrite ends the sending direction only. net/http's server uses it, when it
// has answered early, to let the client read the answer before the end.
func (c *memoryConn) CloseWrite() error {
	c.out.closeWriting(os.NewSyscallError("write", syscall.EPIPE))
	return nil
}

// Reset ends the connection at once, as a TCP reset does: what is in flight is
// lost and the other end's reads and writes fail with syscall.ECONNRESET.
func (c *memoryConn) Reset() error {
	c.in.reset(net.ErrClosed, os.NewSyscallError("write", syscall.ECONNRESET))
	c.out.reset(os.NewSyscallError("read", syscall.ECONNRESET), net.ErrClosed)
	_ = c.Close()
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.local }
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

func (c *memoryConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.reader, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writer, t)
	return nil
}

// flow is one direction of a connection. One condition serves both its ends:
// there are at most a few waiters.
type flow struct {
	mu             sync.Mutex
	changed        *sync.Cond
	buf            bytes.Buffer
	ended          bool // the writer has closed: after buf comes io.EOF
	reader, writer flowEnd
}

// flowEnd is what the reading or the writing end is told.
type flowEnd struct {
	err     error // from now on, whatever is in flight
	expired bool  // the deadline has passed
	timer   *time.Timer
}

func newFlow() *flow {
	f := new(flow)
	f.changed = sync.NewCond(&f.mu)
	return f
}

func (e *flowEnd) failure() error {
	if e.err == nil && e.expired {
		return os.ErrDeadlineExceeded
	}
	return e.err
}

func (f *flow) read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch err := f.reader.failure(); {
		case err != nil:
			return 0, err
		case f.buf.Len() > 0 || len(p) == 0:
			n, _ := f.buf.Read(p)
			f.changed.Broadcast()
			return n, nil
		case f.ended:
			return 0, io.EOF
		}
		f.changed.Wait()
	}
}

func (f *flow) write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	written := 0
	for {
		if err := f.writer.failure(); err != nil {
			return written, err
		}
		if n := min(len(p), maxInFlight-f.buf.Len()); n > 0 {
			f.buf.Write(p[:n])
			p, written = p[n:], written+n
			f.changed.Broadcast()
		}
		if len(p) == 0 {
			return written, nil
		}
		f.changed.Wait()
	}
}

// closeWriting ends the flow after what is in it. The first end stays.
func (f *flow) closeWriting(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.writer.end(err)
	f.changed.Broadcast()
}

// closeReading drops what is in flight and fails the writer.
func (f *flow) closeReading(writerErr error) {
	f.reset(net.ErrClosed, writerErr)
}

func (f *flow) reset(readerErr, writerErr error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = bytes.Buffer{}
	f.reader.end(readerErr)
	f.writer.end(writerErr)
	f.changed.Broadcast()
}

func (e *flowEnd) end(err error) {
	if e.err == nil {
		e.err = err
	}
	if e.timer != nil {
		e.timer.Stop()
	}
}

// setDeadline replaces the deadline of one end; waiters notice at once.
func (f *flow) setDeadline(e *flowEnd, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.timer != nil {
		e.timer.Stop()
	}
	e.timer, e.expired = nil, false
	if e.err != nil || t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		e.expired = true
		f.changed.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if e.timer == timer { // a later deadline may have replaced this one
			e.expired = true
			f.changed.Broadcast()
		}
	})
	e.timer = timer
}
