package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
	"time"

	"aoai-balancer/handler/internal/telemetry"
)

// FuzzStream_GivesTheSameBytesHoweverTheyCame puts a body through the opening and the stream, read in pieces of any
// size, whole or broken at the end.
func FuzzStream_GivesTheSameBytesHoweverTheyCame(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"), uint16(3), uint16(5), false)
	f.Add([]byte("data: {\"type\":\"response.created\"}\n\n\n\n"), uint16(0), uint16(0), true)
	f.Add([]byte{}, uint16(1), uint16(1), false)
	f.Fuzz(func(t *testing.T, body []byte, in, out uint16, broken bool) {
		if len(body) > 2000 {
			return
		}
		end := io.EOF
		if broken {
			end = errors.New("broken")
		}
		pieces := io.MultiReader(&piecewise{bytes.NewReader(body), int(in) + 1}, iotest.ErrReader(end))
		s := &sent{buffers: newBufferPool(), resp: &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: io.NopCloser(pieces)}}
		s.begin(func(f func()) { f() })
		if s.err != nil {
			if !broken {
				t.Error(s.err)
			}
			return
		}
		if s.failure != 0 {
			return // not for the caller
		}
		given := &stream{ctx: t.Context(), sent: s, body: s.resp.Body, record: new(telemetry.Record), idle: time.Minute}
		got, err := io.ReadAll(&piecewise{given, int(out) + 1})
		if !bytes.Equal(got, body) || broken != (err != nil) {
			t.Errorf("%q became %q, %v", body, got, err)
		}
	})
}

// piecewise reads at most size bytes at a time.
type piecewise struct {
	io.Reader
	size int
}

func (p *piecewise) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.size)]) }
