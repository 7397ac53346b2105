package proxy

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/openai"
)

// begin reads the start of an answer before anything of it is given away: a connection that breaks before the first
// byte is still this handler's to answer, and must be, because the Functions host sends a request again when a
// connection ends before headers. For statuses whose error.code decides what they mean it reads that too.
func (s *sent) begin(spawn func(func())) {
	var err error
	switch s.resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		s.start, err = io.ReadAll(io.LimitReader(s.resp.Body, discardBytes))
		s.code = openai.ErrorCode(plain(s.resp.Header, s.start))
	default:
		s.lent = s.buffers.Get()
		s.start, err = readOnce(s.resp.Body, s.lent)
	}
	if err == nil && isStream(s.resp) {
		err = s.holdOpening(spawn)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		_ = s.resp.Body.Close()
		s.giveBack()
		s.resp, s.err = nil, err
	}
}

// readOnce returns what the next read brings, in the memory given; io.EOF at the end.
func readOnce(r io.Reader, into []byte) ([]byte, error) {
	for {
		n, err := r.Read(into)
		if n > 0 {
			return into[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// plain undoes gzip, which a caller may have asked for.
func plain(h http.Header, body []byte) []byte {
	if h.Get("Content-Encoding") != "gzip" {
		return body
	}
	text, _ := io.ReadAll(io.LimitReader(unpack(body), discardBytes))
	return text
}

// unpack undoes gzip as far as what was packed is sound.
func unpack(packed []byte) io.Reader {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return bytes.NewReader(nil)
	}
	return z
}

// saved is an answer that was not given to the caller, but may yet be.
type saved struct {
	backend string
	status  int
	header  http.Header
	body    []byte
}

// keep drains an answer, so that its connection can serve again, and saves it in case that nothing better comes.
func (c *call) keep(b *backend.Backend, s *sent, class class) {
	defer s.discard()
	if s.resp == nil {
		return
	}
	readUntil(s.resp.Body, time.Now().Add(discardTime))
	rest, err := io.ReadAll(io.LimitReader(s.resp.Body, discardBytes+1))
	body := slices.Concat(s.start, rest)
	if err != nil || len(body) > discardBytes || s.resp.StatusCode < http.StatusBadRequest {
		return
	}
	makePublic(s.resp.Header, b.Endpoint)
	a := &saved{backend: b.Name, status: s.resp.StatusCode, header: s.resp.Header, body: body}
	if class != elsewhere || c.kept[class] == nil { // the first that could not read it is where the call belongs
		c.kept[class] = a
	}
}

func (a *saved) response(c *call) *http.Response {
	c.record.Backend, c.record.Complete = a.backend, true
	setAttempts(a.header, c.record)
	return &http.Response{
		StatusCode: a.status, Header: a.header, ContentLength: int64(len(a.body)), Body: io.NopCloser(bytes.NewReader(a.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
}
