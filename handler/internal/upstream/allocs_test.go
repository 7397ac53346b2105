package upstream_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/upstream"
)

// canned is a connection that answers each write at once.
type canned struct {
	net.Conn
	answer  string
	pending strings.Reader
}

func (c *canned) Write(p []byte) (int, error) {
	c.pending.Reset(c.answer)
	return len(p), nil
}
func (c *canned) Read(p []byte) (int, error)       { return c.pending.Read(p) }
func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }
func (c *canned) Close() error                     { return nil }

// What an exchange allocates does not depend on the machine's mood, so it is what keeps it as light as it is.
func TestAllocations_OfAnExchangeStayAsFewAsTheyAre(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes pools forget")
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return &canned{answer: hello}, nil }
	transport := upstream.New(upstream.Options{Dial: dial})
	req := request(t.Context(), t, http.MethodPost, "http://backend.test/a?b=c", "")
	req.Header = http.Header{"Api-Key": {"k"}, "Content-Type": {"application/json"}, "Accept": {"*/*"}}
	body := []byte(strings.Repeat("word ", 200))
	reader := bytes.NewReader(body)
	req.Body, req.ContentLength = io.NopCloser(reader), int64(len(body))
	got := testing.AllocsPerRun(200, func() {
		reader.Reset(body)
		resp, err := transport.Send(req, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	})
	if most := 15.0; got > most {
		t.Errorf("%v allocations, want at most %v", got, most)
	}
}
