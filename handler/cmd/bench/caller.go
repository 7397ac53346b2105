package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// discard reads to the end.
func discard(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

// sample is one call: when it began, from the start of its round, and how long it took.
type sample struct{ at, took time.Duration }

// caller is one connection that makes one call after the other. It writes requests that were made before and reads
// answers with net/http's parser: an HTTP client would cost as much as what is measured.
type caller struct {
	conn     net.Conn
	reader   *bufio.Reader
	requests [][]byte
	next     int
	answer   int64

	samples []sample
	err     error
}

// callers is the load of one round: its connections are open and have each made a call.
type callers []*caller

// slack is what a round may take beyond its time.
const slack = 30 * time.Second

// connect opens connections to the addresses in turn. Each makes one call that is not counted, so that connections
// behind the target are open as well.
func connect(ctx context.Context, addresses []string, l load, connections int) (callers, error) {
	requests := l.requests(addresses[0])
	all := make(callers, connections)
	for i := range all {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addresses[i%len(addresses)])
		if err != nil {
			all[:i].close()
			return nil, err
		}
		_ = conn.SetDeadline(time.Now().Add(slack))
		all[i] = &caller{
			conn: conn, reader: bufio.NewReaderSize(conn, 64<<10), requests: requests,
			next: i * len(requests) / connections, answer: int64(l.answer),
		}
	}
	all.each(func(c *caller) { c.err = c.call() })
	if err := all.failure(); err != nil {
		all.close()
		return nil, fmt.Errorf("the first call: %w", err)
	}
	return all, nil
}

func (all callers) close() {
	for _, c := range all {
		_ = c.conn.Close()
	}
}

func (all callers) each(f func(*caller)) {
	var done sync.WaitGroup
	for _, c := range all {
		done.Go(func() { f(c) })
	}
	done.Wait()
}

func (all callers) failure() error {
	var failures []error
	for _, c := range all {
		failures = append(failures, c.err)
	}
	return errors.Join(failures...)
}

// drive makes calls on all connections for a while and returns how long that took, last answers included.
func (all callers) drive(lasting time.Duration) time.Duration {
	began := time.Now()
	for _, c := range all {
		_ = c.conn.SetDeadline(began.Add(lasting + slack))
	}
	all.each(func(c *caller) { c.repeat(began, lasting) })
	return time.Since(began)
}

// number makes so many calls in all.
func (all callers) number(calls int) {
	began := time.Now()
	all.each(func(c *caller) {
		_ = c.conn.SetDeadline(began.Add(2 * slack))
		for range calls / len(all) {
			if c.err = c.call(); c.err != nil {
				return
			}
		}
	})
}

// repeat ends with the first call that fails: the connection's state is unknown then.
func (c *caller) repeat(began time.Time, lasting time.Duration) {
	now := time.Since(began)
	for now < lasting {
		if c.err = c.call(); c.err != nil {
			return
		}
		end := time.Since(began)
		c.samples = append(c.samples, sample{now, end - now})
		now = end
	}
}

var errAnswer = errors.New("not the answer that was expected")

func (c *caller) call() error {
	request := c.requests[c.next]
	c.next = (c.next + 1) % len(c.requests)
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	n, err := discard(answer.Body)
	_ = answer.Body.Close()
	if err == nil && (answer.StatusCode != http.StatusOK || n != c.answer || answer.Close) {
		return fmt.Errorf("%w: %s, %d bytes of %d", errAnswer, answer.Status, n, c.answer)
	}
	return err
}
