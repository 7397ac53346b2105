package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"
)

// openStreams opens streams one after the other and reads the first event of each. The callers are to be closed, also
// after an error.
func openStreams(ctx context.Context, address string, streams int) (callers, error) {
	l := stream(1)
	l.deployments = []string{idleName}
	requests := l.requests(address)
	var all callers
	for range streams {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return all, err
		}
		c := &caller{conn: conn, reader: bufio.NewReaderSize(conn, kilobyte), requests: requests}
		all = append(all, c)
		_ = conn.SetDeadline(time.Now().Add(slack))
		if err := c.begin(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// begin reads the head of an answer and one byte of its body.
func (c *caller) begin() error {
	if _, err := c.conn.Write(c.requests[0]); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.reader, nil) //nolint:bodyclose // the stream stays open: to close it would read to its end
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errAnswer
	}
	_, err = answer.Body.Read(make([]byte, 1))
	return err
}
