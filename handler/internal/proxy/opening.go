package proxy

import (
	"io"
	"net/http"
	"strings"
	"time"

	"aoai-balancer/handler/internal/openai"
)

// openingTime bounds how long the first events of a stream are held back: a reasoning model may be silent for minutes
// after it has said that it began.
const openingTime = time.Second

// aheadBytes is for one read that goes on while others are waited for.
const aheadBytes = 4 << 10

// isStream: an answer whose events can be read.
func isStream(resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Encoding") == "" && isEvents(resp.Header)
}

func isEvents(h http.Header) bool {
	return strings.HasPrefix(h.Get("Content-Type"), "text/event-stream")
}

// read is what one read of a body brought.
type read struct {
	bytes []byte
	err   error
}

// holdOpening reads on from the first bytes of a stream until it shows content, fails, ends, or may be held no longer.
// What it read stands in s.start; a read still under way then is left to the stream's reader.
func (s *sent) holdOpening(spawn func(func())) error {
	var opening openai.Opening
	timer := time.NewTimer(openingTime)
	defer timer.Stop()
	for {
		verdict := opening.Look(s.start)
		if s.failure = verdict.Status; verdict.Decided {
			return nil
		}
		pending := readAhead(s.resp.Body, spawn)
		select {
		case r := <-pending:
			if s.start = append(s.start, r.bytes...); r.err != nil {
				return r.err
			}
		case <-timer.C:
			s.pending = pending
			readUntil(s.resp.Body, time.Time{}) // its reader says what it may take
			return nil
		}
	}
}

// readAhead makes one read elsewhere, so that its caller can stop waiting for it.
func readAhead(body io.Reader, spawn func(func())) <-chan read {
	done := make(chan read, 1)
	spawn(func() {
		r := read{err: io.ErrUnexpectedEOF}
		defer func() { done <- r }()
		r.bytes, r.err = readOnce(body, make([]byte, aheadBytes))
	})
	return done
}
