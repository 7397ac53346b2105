package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/upstream"
)

// FuzzSend_UnderstandsAnswersAsTheStandardLibraryDoes gives the same bytes to net/http's Transport, whose reading of HTTP/1.1
// is the field's, and to ours.
func FuzzSend_UnderstandsAnswersAsTheStandardLibraryDoes(f *testing.F) {
	for _, answer := range []string{
		hello,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + hello,
		"HTTP/1.0 200 OK\r\n\r\nto the end",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
	} {
		f.Add(answer, false)
		f.Add(answer, true)
	}
	f.Fuzz(func(t *testing.T, answer string, head bool) {
		if strings.Contains(answer, " 101") || strings.Count(answer, "HTTP/1.") > 4 {
			return // upgrades are none of ours; interim answers are counted in another way
		}
		dial := func(context.Context, string, string) (net.Conn, error) { return saying(answer), nil }
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		req := request(t.Context(), t, method, "http://backend.test/", "")
		standard := &http.Transport{DialContext: dial, DisableCompression: true, MaxResponseHeaderBytes: 256 << 10}
		wanted := understood(standard.RoundTrip(req))
		standard.CloseIdleConnections()
		ours := upstream.New(upstream.Options{Dial: dial})
		got := understood(ours.Send(request(t.Context(), t, method, "http://backend.test/", ""), time.Time{}))
		ours.CloseIdleConnections()
		if got != wanted {
			t.Errorf("%q is\n%+v, but\n%+v for net/http", answer, got, wanted)
		}
	})
}

// saying is a connection to a backend that answers one request so, and closes.
func saying(answer string) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer func() { _ = far.Close() }()
		if _, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
			_, _ = io.WriteString(far, answer)
		}
	}()
	return near
}

// meaning is what an answer says.
type meaning struct {
	status       int
	header, body string
	failed       bool // before its headers were complete
	broken       bool // after that
}

func understood(resp *http.Response, err error) meaning {
	if err != nil {
		return meaning{failed: true}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 100 {
		return meaning{failed: true} // net/http's client takes them, and its server panics on them
	}
	body, err := io.ReadAll(resp.Body)
	var header strings.Builder
	_ = resp.Header.Write(&header)
	return meaning{resp.StatusCode, header.String(), string(body), false, err != nil && !errors.Is(err, io.EOF)}
}
