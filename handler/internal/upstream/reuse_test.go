package upstream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/upstream"
)

func TestSend_AConnectionServesAgainOnceItsAnswerIsRead(t *testing.T) {
	for _, row := range []struct {
		name, method, answer, body string
		dials                      int64
	}{
		{"a length", "POST", hello, "hello", 1},
		{"chunks", "POST", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", 1},
		{"trailers", "POST", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello", 1},
		{"no body", "POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 1},
		{"204", "POST", "HTTP/1.1 204 No Content\r\n\r\n", "", 1},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", 1},
		{"an answer that closes", "POST", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", 2},
		{"HTTP/1.0", "POST", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 2},
		{"more than was asked for", "POST", hello + "HTTP/1.1 200 OK\r\n", "hello", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, answering(row.answer), func(r *rig) {
				for range 2 {
					req := request(r.t.Context(), r.t, row.method, "http://backend.test/a", "")
					resp, err := r.transport.Send(req, time.Time{})
					status := 200
					if row.name == "204" {
						status = 204
					}
					want(r.t, resp, err, status, row.body)
				}
				r.wantDials(row.dials)
			})
		})
	}
}

func TestSend_AConnectionWhoseAnswerWasLeftIsClosed(t *testing.T) {
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		_ = takeRequest(from)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
		_, err := from.ReadByte()
		return err
	}, func(r *rig) {
		for range 2 {
			resp, err := r.post("")
			if err != nil {
				r.t.Fatal(err)
			}
			_ = resp.Body.Close()
			if end := <-r.ended; end.err == nil {
				r.t.Error("the backend was sent more")
			}
			if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
				r.t.Errorf("a closed body gives %v", err)
			}
		}
		r.wantDials(2)
	})
}

func TestSend_AConnectionWaitsThirtySecondsAtMost(t *testing.T) {
	inBubble(t, answering(hello), func(r *rig) {
		held := make([]*http.Response, 2)
		for i := range held {
			held[i], _ = r.post("")
		}
		want(r.t, held[0], nil, 200, "hello")
		time.Sleep(20 * time.Second) // virtual
		want(r.t, held[1], nil, 200, "hello")
		for _, after := range []time.Duration{30 * time.Second, 50 * time.Second} {
			if got := (<-r.ended).after; got != after {
				r.t.Errorf("a connection was closed after %v, want %v", got, after)
			}
		}
		resp, err := r.post("")
		want(r.t, resp, err, 200, "hello")
		r.wantDials(3)
	})
}

func TestSend_AtMost128ConnectionsWait(t *testing.T) {
	inBubble(t, answering(hello), func(r *rig) {
		for _, dials := range []int64{130, 132} {
			var all sync.WaitGroup
			held := make(chan *http.Response, 130)
			for range 130 {
				all.Go(func() {
					resp, err := r.post("")
					if err != nil {
						r.t.Error(err)
					}
					held <- resp
				})
			}
			all.Wait()
			close(held)
			for resp := range held {
				want(r.t, resp, nil, 200, "hello")
			}
			r.wantDials(dials)
		}
	})
}

// overSockets is a server of real sockets, and a Transport to it.
func overSockets(t *testing.T, secure bool, h http.HandlerFunc) (*httptest.Server, *upstream.Transport) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	o := upstream.Options{Dial: new(net.Dialer).DialContext, Go: func(f func()) { go f() }}
	if secure {
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that a test lets fail
		s.StartTLS()
		o.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		s.Start()
	}
	transport := upstream.New(o)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.Close()
	})
	return s, transport
}

// A backend that closes a connection which waits must cost no call: what the next one would meet is seen before it is sent.
func TestSend_AConnectionThatEndedWhileItWaitedIsNotUsed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		ended := make(chan struct{}, 10)
		s, transport := overSockets(t, secure, func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(c, hello)
			_ = c.Close()
			ended <- struct{}{}
		})
		for range 5 {
			resp, err := transport.Send(request(t.Context(), t, http.MethodPost, s.URL, "x"), time.Time{})
			want(t, resp, err, 200, "hello")
			<-ended
		}
	}
}

// What a backend says without being asked is not the answer to the next question, which may be another caller's.
func TestSend_WhatNobodyAskedForIsNobodysAnswer(t *testing.T) {
	const stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
	for _, row := range []struct {
		name   string
		secure bool
		within bool // one write with the answer that was asked for
	}{
		{"later", false, false}, {"later, over TLS", true, false}, {"at once", false, true}, {"at once, over TLS", true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			said := make(chan struct{}, 2)
			s, transport := overSockets(t, row.secure, func(w http.ResponseWriter, _ *http.Request) {
				c, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				pieces := []string{hello, stray}
				if row.within {
					pieces = []string{hello + stray}
				}
				for _, piece := range pieces {
					_, _ = io.WriteString(c, piece)
				}
				said <- struct{}{}
			})
			for range 2 {
				resp, err := transport.Send(request(t.Context(), t, http.MethodPost, s.URL, "x"), time.Time{})
				if want(t, resp, err, 200, "hello"); t.Failed() {
					return
				}
				<-said
			}
		})
	}
}

func TestSend_ManyAtOnceThatHaveNoBody(t *testing.T) {
	s, transport := overSockets(t, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				resp, err := transport.Send(request(t.Context(), t, http.MethodPost, s.URL, "x"), time.Time{})
				want(t, resp, err, 204, "")
			}
		})
	}
	all.Wait()
}

func TestSend_ManyAtOnceGetTheirOwnAnswers(t *testing.T) {
	s, transport := overSockets(t, false, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if len(body)%7 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = w.Write(body)
	})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 50 {
				body := strings.Repeat(string(rune('a'+i)), 1+n*1500) // some of them too long to be sent at once
				ctx, leave := context.WithCancel(t.Context())
				resp, err := transport.Send(request(ctx, t, http.MethodPost, s.URL, body), time.Now().Add(time.Minute))
				if n%5 == 4 {
					leave()
					if err == nil {
						_ = resp.Body.Close()
					}
					continue
				}
				want(t, resp, err, 200, body)
				leave()
			}
		})
	}
	all.Wait()
}

func TestSend_OverTLS(t *testing.T) {
	s, _ := overSockets(t, true, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.TLS.ServerName)
	})
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	trusting := s.Client().Transport.(*http.Transport).TLSClientConfig
	toServer := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	for _, row := range []struct {
		host  string
		trust *tls.Config
		good  bool
	}{{"example.com", trusting, true}, {"elsewhere.test", trusting, false}, {"example.com", nil, false}} {
		transport := upstream.New(upstream.Options{Dial: toServer, TLS: row.trust, Go: func(f func()) { go f() }})
		resp, err := transport.Send(request(t.Context(), t, http.MethodGet, "https://"+row.host+":"+port+"/", ""), time.Time{})
		if row.good {
			want(t, resp, err, 200, "HTTP/1.1 "+row.host)
		} else {
			wantError(t, err, upstream.NotConnected, false)
		}
		transport.CloseIdleConnections()
	}
}

func TestSend_AHandshakeTakesFiveSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			return near, nil
		}
		began := time.Now()
		_, err := upstream.New(upstream.Options{Dial: dial}).Send(request(t.Context(), t, http.MethodGet, "https://backend.test/", ""), time.Time{})
		wantError(t, err, upstream.NotConnected, false)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
