package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// showStream reads server-sent events to their end and shows when they came.
func (s shell) showStream(body io.Reader, start time.Time) error {
	var first, last time.Duration
	events, done := 0, false
	lines := bufio.NewScanner(io.LimitReader(body, maxAnswer))
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data:")
		if !is {
			continue
		}
		if events++; events == 1 {
			first = time.Since(start)
		}
		last, done = time.Since(start), strings.TrimSpace(data) == "[DONE]"
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream broke after %d events: %w", events, err)
	}
	if !done {
		return errors.New("the stream ended without [DONE]")
	}
	s.say("     %d events, the first after %v, the last after %v", events, first.Round(time.Millisecond), last.Round(time.Millisecond))
	return nil
}
