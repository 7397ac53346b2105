package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/openai"
	"aoai-balancer/handler/internal/telemetry"
	"aoai-balancer/handler/internal/upstream"
)

// deliver hands the winner to the caller.
func (p *Proxy) deliver(req *http.Request, c *call, b *backend.Backend, s *sent) *http.Response {
	c.record.Backend, c.record.Stream = b.Name, isEvents(s.resp.Header)
	makePublic(s.resp.Header, b.Endpoint)
	setAttempts(s.resp.Header, c.record)
	body := &stream{
		ctx: req.Context(), sent: s, body: s.resp.Body, record: c.record, idle: p.StreamIdleTimeout,
		watch: p.arrive(c, b, s.resp), tally: newTally(req.Method, c.target, s.resp),
	}
	if isStream(s.resp) {
		body.farewell = openai.BrokenStream(c.target.Operation, "The backend broke off the stream.")
	}
	s.resp.Body = body
	return s.resp
}

// stream is the body of the winner: it ends a silence that lasts too long, and notes how it ended. A stream of events
// that breaks says so in a last event, and then breaks for its caller too.
type stream struct {
	ctx      context.Context // of the caller
	sent     *sent
	body     io.ReadCloser
	record   *telemetry.Record
	watch    *affinity.Watch
	tally    tally
	idle     time.Duration
	farewell []byte  // nil where the answer is no stream of events
	last     [4]byte // that were given
	between  bool    // they ended an event
	fault    error
}

func (s *stream) Read(p []byte) (int, error) {
	if s.fault != nil {
		return s.breakOff(p)
	}
	n, err := s.next(p)
	s.watch.Write(p[:n])
	s.tally.Write(p[:n])
	if s.farewell != nil && n > 0 {
		s.note(p[:n])
	}
	if err == nil || errors.Is(err, io.EOF) {
		s.record.Complete = err != nil
		return n, err
	}
	s.fault = err
	s.record.Outcome = s.broken()
	if n > 0 {
		return n, nil
	}
	return s.breakOff(p)
}

// note keeps the last bytes given in mind: an event's end may come in pieces.
func (s *stream) note(p []byte) {
	if n := len(p); n < len(s.last) {
		copy(s.last[:], s.last[n:])
		copy(s.last[len(s.last)-n:], p)
	} else {
		copy(s.last[:], p[n-len(s.last):])
	}
	s.between = bytes.HasSuffix(s.last[:], []byte("\n\n")) || string(s.last[:]) == "\r\n\r\n"
}

// next counts only the backend's silence: while a slow caller takes its time, no read is under way.
func (s *stream) next(p []byte) (int, error) {
	if len(s.sent.start) > 0 {
		return s.sent.takeStart(p), nil
	}
	readUntil(s.body, time.Now().Add(s.idle))
	if s.sent.pending != nil {
		r := <-s.sent.pending
		s.sent.start, s.sent.pending = r.bytes, nil
		return s.sent.takeStart(p), r.err
	}
	return s.body.Read(p)
}

// takeStart gives away what was read ahead.
func (s *sent) takeStart(p []byte) int {
	n := copy(p, s.start)
	if s.start = s.start[n:]; len(s.start) == 0 {
		s.giveBack()
	}
	return n
}

// giveBack returns the memory that the answer's start was read into.
func (s *sent) giveBack() {
	if s.lent != nil {
		s.buffers.Put(s.lent)
		s.lent, s.start = nil, nil
	}
}

// breakOff ends the answer visibly: between two events one more says why, and then the connection breaks.
func (s *stream) breakOff(p []byte) (int, error) {
	if !s.between || len(p) < len(s.farewell) {
		return 0, s.fault
	}
	s.between = false
	return copy(p, s.farewell), nil
}

func (s *stream) broken() string {
	switch {
	case s.ctx.Err() != nil:
		return "caller_left"
	case errors.Is(s.fault, upstream.ErrTimedOut):
		return "stream_idle"
	}
	return "stream_broken"
}

// Close ends the attempt: a caller that leaves ends the backend's work.
func (s *stream) Close() error {
	s.sent.giveBack()
	s.watch.Close()
	s.record.Usage = telemetry.Usage(s.tally.usage())
	return s.body.Close()
}
