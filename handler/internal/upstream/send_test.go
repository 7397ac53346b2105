package upstream_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"aoai-balancer/handler/internal/upstream"
)

func TestSend_SendsTheRequestAsItIs(t *testing.T) {
	var got *http.Request
	var body []byte
	inBubble(t, func(c net.Conn, from *bufio.Reader) (err error) {
		if got, err = http.ReadRequest(from); err != nil {
			return err
		}
		body, err = io.ReadAll(got.Body)
		_, _ = io.WriteString(c, hello)
		return err
	}, func(r *rig) {
		req := request(r.t.Context(), r.t, http.MethodPut, "http://backend.test/a%2Fb?q=%20x&y", "a body")
		req.Header = http.Header{
			"Api-Key": {"k"}, "X-Many": {"one", "two"}, "User-Agent": {""}, "x-lower": {"kept"},
			"Content-Length": {"7"}, "Transfer-Encoding": {"chunked"}, "Host": {"elsewhere.test"}, "Trailer": {"X"},
		}
		resp, err := r.transport.Send(req, time.Time{})
		want(r.t, resp, err, 200, "hello")
		if n := r.writes.Load(); n != 1 {
			r.t.Errorf("sent with %d writes", n)
		}
	})
	if got.Method != "PUT" || got.RequestURI != "/a%2Fb?q=%20x&y" || got.Host != "backend.test" || got.ContentLength != 6 || string(body) != "a body" {
		t.Errorf("arrived as %s %s at %s: %d, %q", got.Method, got.RequestURI, got.Host, got.ContentLength, body)
	}
	wanted := http.Header{"Api-Key": {"k"}, "X-Many": {"one", "two"}, "X-Lower": {"kept"}, "Content-Length": {"6"}}
	for name := range got.Header {
		if strings.Join(got.Header[name], "|") != strings.Join(wanted[name], "|") {
			t.Errorf("%s arrived as %q, want %q", name, got.Header[name], wanted[name])
		}
	}
	if len(got.Header) != len(wanted) {
		t.Errorf("headers arrived as %v", got.Header)
	}
}

func TestSend_SaysThatThereIsNoBodyWhereOneIsExpected(t *testing.T) {
	lengths := map[string]string{"GET": "", "HEAD": "", "DELETE": "", "POST": "0", "PUT": "0", "PATCH": "0"}
	for method, length := range lengths {
		inBubble(t, func(c net.Conn, from *bufio.Reader) error {
			req, err := http.ReadRequest(from)
			if err == nil && req.Header.Get("Content-Length") != length {
				t.Errorf("%s came with the length %q", method, req.Header.Get("Content-Length"))
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
			return err
		}, func(r *rig) {
			resp, err := r.transport.Send(request(r.t.Context(), r.t, method, "http://backend.test/", ""), time.Time{})
			want(r.t, resp, err, 204, "")
		})
	}
}

func TestSend_WhatCannotBeSentReachesNobody(t *testing.T) {
	for name, spoil := range map[string]func(*http.Request){
		"a scheme":               func(r *http.Request) { r.URL.Scheme = "ftp" },
		"no host":                func(r *http.Request) { r.URL.Host = "" },
		"a host of two lines":    func(r *http.Request) { r.URL.Host = "backend.test\r\nX: y" },
		"a query of two words":   func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" },
		"a header's name":        func(r *http.Request) { r.Header["X Y"] = []string{"z"} },
		"a header of two lines":  func(r *http.Request) { r.Header.Set("Api-Key", "k\nX: y") },
		"an unknown length":      func(r *http.Request) { r.ContentLength = -1 },
		"a length without bytes": func(r *http.Request) { r.Body, r.ContentLength = nil, 5 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, answering(hello), func(r *rig) {
				req := request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "hello")
				spoil(req)
				_, err := r.transport.Send(req, time.Time{})
				wantError(r.t, err, upstream.NotSendable, false)
				if strings.Contains(err.Error(), "X: y") {
					r.t.Errorf("the error shows a value: %v", err)
				}
				if n := r.writes.Load(); n != 0 {
					r.t.Errorf("%d writes", n)
				}
			})
		})
	}
}

func TestSend_ABodyThatFailsIsNoBackendsFault(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, spoil := range map[string]func(*http.Request){
		"shorter":          func(r *http.Request) { r.ContentLength = 7 },
		"longer":           func(r *http.Request) { r.ContentLength = 3 },
		"unreadable":       func(r *http.Request) { r.Body = io.NopCloser(iotest.ErrReader(errors.New("a fault"))) },
		"long and shorter": func(r *http.Request) { r.ContentLength = 2 << 20; r.Body = io.NopCloser(strings.NewReader(long)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, answering(hello), func(r *rig) {
				resp, err := r.post("x")
				want(r.t, resp, err, 200, "hello")
				req := request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "hello")
				spoil(req)
				_, err = r.transport.Send(req, time.Time{})
				var e *upstream.Error
				if !errors.As(err, &e) || !errors.Is(err, upstream.ErrBody) || e.IsStale() {
					r.t.Errorf("got %v", err)
				}
			})
		})
	}
}

// closing tells whether it was closed.
type closing struct {
	io.Reader
	closed chan struct{}
}

func (c *closing) Close() error {
	close(c.closed)
	return nil
}

func TestSend_ClosesTheBodyInAnyCase(t *testing.T) {
	for name, spoil := range map[string]func(*http.Request){
		"sent":       func(*http.Request) {},
		"unsendable": func(r *http.Request) { r.Header.Set("X", "\n") },
		"nobody":     func(r *http.Request) { r.URL.Host = "nobody.test" },
		"long":       func(r *http.Request) { r.ContentLength = 1 << 20 },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, answering(hello), func(r *rig) {
				req := request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "hello")
				body := &closing{req.Body, make(chan struct{})}
				req.Body = body
				spoil(req)
				if resp, err := r.transport.Send(req, time.Time{}); err == nil {
					_ = resp.Body.Close()
				}
				<-body.closed
			})
		})
	}
}

func TestSend_SaysHowFarItGot(t *testing.T) {
	for _, row := range []struct {
		name     string
		play     script
		progress upstream.Progress
	}{
		{"closed without an answer", func(_ net.Conn, from *bufio.Reader) error { return takeRequest(from) }, upstream.Sent},
		{"half an answer", func(c net.Conn, from *bufio.Reader) error {
			_ = takeRequest(from)
			_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
			return err
		}, upstream.Answered},
		{"no HTTP", func(c net.Conn, from *bufio.Reader) error {
			_ = takeRequest(from)
			_, err := io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n")
			return err
		}, upstream.Answered},
		{"no status", answering("HTTP/1.1 099 Too Few\r\nContent-Length: 0\r\n\r\n"), upstream.Answered},
		{"an upgrade", answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), upstream.Answered},
		{"interim answers without end", answering(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 6)), upstream.Answered},
		{"headers without end", func(c net.Conn, from *bufio.Reader) error {
			_ = takeRequest(from)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
					return err
				}
			}
		}, upstream.Answered},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, row.play, func(r *rig) {
				_, err := r.post("hello")
				wantError(r.t, err, row.progress, false)
				r.wantDials(1)
			})
		})
	}
}

func TestSend_NobodyThereIsNotConnected(t *testing.T) {
	inBubble(t, answering(hello), func(r *rig) {
		_, err := r.transport.Send(request(r.t.Context(), r.t, http.MethodGet, "http://nobody.test/", ""), time.Time{})
		wantError(r.t, err, upstream.NotConnected, false)
	})
}

// A backend may close a connection in the moment in which it is used again. That is the caller's to know, and to try again.
func TestSend_AConnectionThatEndsWhenItIsUsedAgainIsStale(t *testing.T) {
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		_ = takeRequest(from)
		_, _ = io.WriteString(c, hello)
		return takeRequest(from)
	}, func(r *rig) {
		resp, err := r.post("one")
		want(r.t, resp, err, 200, "hello")
		_, err = r.post("two")
		wantError(r.t, err, upstream.Sent, true)
		var e *upstream.Error
		if errors.As(err, &e); !e.IsStale() {
			r.t.Error("it is not stale")
		}
		r.wantDials(1) // nothing was sent again
	})
}

func TestSend_InterimAnswersAreSkipped(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
	inBubble(t, answering(interim+hello), func(r *rig) {
		for range 2 {
			resp, err := r.post("x")
			want(r.t, resp, err, 200, "hello")
		}
		r.wantDials(1)
	})
}

// A backend that refuses a long body may answer before it has read it, and never read it.
func TestSend_AnAnswerCountsThatComesBeforeTheBodyIsSent(t *testing.T) {
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		_, err := from.ReadString('\n')
		_, _ = io.WriteString(c, hello)
		time.Sleep(30 * time.Second) // virtual
		return err
	}, func(r *rig) {
		began := time.Now()
		for range 2 {
			resp, err := r.post(strings.Repeat("x", 1<<20))
			want(r.t, resp, err, 200, "hello")
		}
		if took := time.Since(began); took != 0 {
			r.t.Errorf("took %v", took)
		}
		r.wantDials(2) // what was still being sent would have been in the way
	})
}

// broken is a connection that the backend has closed after an answer.
type broken struct{ canned }

func (b *broken) Write([]byte) (int, error) {
	b.pending.Reset(b.answer)
	return 0, syscall.EPIPE
}

func TestSend_AnAnswerCountsThoughSendingFailed(t *testing.T) {
	for _, length := range []int{10, 1 << 20} {
		dial := func(context.Context, string, string) (net.Conn, error) {
			c := &broken{canned{answer: hello}}
			c.pending.Reset(hello)
			return c, nil
		}
		transport := upstream.New(upstream.Options{Dial: dial, Go: func(f func()) { f() }})
		resp, err := transport.Send(request(t.Context(), t, http.MethodPost, "http://backend.test/", strings.Repeat("x", length)), time.Time{})
		want(t, resp, err, 200, "hello")
	}
}

func TestSend_ALongBodyArrivesWhole(t *testing.T) {
	body := strings.Repeat("0123456789", 1<<19)
	same := false
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		for {
			req, err := http.ReadRequest(from)
			if err != nil {
				return err
			}
			got, err := io.ReadAll(req.Body)
			same = err == nil && string(got) == body
			_, _ = io.WriteString(c, hello)
		}
	}, func(r *rig) {
		for range 2 {
			resp, err := r.post(body)
			want(r.t, resp, err, 200, "hello")
			if !same {
				r.t.Error("the body arrived as another")
			}
		}
		r.wantDials(1)
	})
}

func TestSend_ACallerThatLeavesEndsTheExchange(t *testing.T) {
	gone := errors.New("gone")
	inBubble(t, func(_ net.Conn, from *bufio.Reader) error {
		_ = takeRequest(from)
		_, err := from.ReadByte()
		return err
	}, func(r *rig) {
		ctx, leave := context.WithCancelCause(r.t.Context())
		time.AfterFunc(3*time.Second, func() { leave(gone) })
		_, err := r.transport.Send(request(ctx, r.t, http.MethodPost, "http://backend.test/", "x"), time.Time{})
		wantError(r.t, err, upstream.Sent, false)
		if end := <-r.ended; !errors.Is(err, gone) || end.after != 3*time.Second {
			r.t.Errorf("ended after %v with %v", end.after, err)
		}
		_, err = r.transport.Send(request(ctx, r.t, http.MethodPost, "http://backend.test/", "x"), time.Time{})
		wantError(r.t, err, upstream.NotConnected, false)
		r.wantDials(1)
	})
}
