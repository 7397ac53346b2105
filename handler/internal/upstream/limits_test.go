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

// silentAfter takes a request, says something and then nothing until the other end is gone.
func silentAfter(words string) script {
	return func(c net.Conn, from *bufio.Reader) error {
		_ = takeRequest(from)
		_, _ = io.WriteString(c, words)
		_, err := from.ReadByte()
		return err
	}
}

func TestSend_HeadersComeInTimeOrNotAtAll(t *testing.T) {
	for words, progress := range map[string]upstream.Progress{"": upstream.Sent, "HTTP/1.1 200 OK\r\n": upstream.Answered} {
		inBubble(t, silentAfter(words), func(r *rig) {
			began := time.Now()
			_, err := r.transport.Send(request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "x"), began.Add(7*time.Second))
			wantError(r.t, err, progress, false)
			if took := time.Since(began); took != 7*time.Second || !errors.Is(err, upstream.ErrTimedOut) {
				r.t.Errorf("took %v: %v", took, err)
			}
		})
	}
}

// A long body that the backend does not take ends in time too.
func TestSend_ABodyThatIsNotTakenTimesOut(t *testing.T) {
	inBubble(t, func(_ net.Conn, from *bufio.Reader) error {
		_, _ = from.ReadByte()
		time.Sleep(time.Minute) // virtual
		return nil
	}, func(r *rig) {
		began := time.Now()
		req := request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", string(make([]byte, 1<<20)))
		_, err := r.transport.Send(req, began.Add(7*time.Second))
		wantError(r.t, err, upstream.Sent, false)
		if took := time.Since(began); took != 7*time.Second || !errors.Is(err, upstream.ErrTimedOut) {
			r.t.Errorf("took %v: %v", took, err)
		}
	})
}

// The time given is the headers': a backend that answers early and reads on gets the whole body.
func TestSend_ABodyMayBeSentForLongerThanItsAnswersHeadersTake(t *testing.T) {
	const size = 1 << 20
	taken := 0
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		req, err := http.ReadRequest(from)
		if err != nil {
			return err
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
		time.Sleep(20 * time.Second) // virtual
		body, err := io.ReadAll(req.Body)
		taken = len(body)
		_, _ = io.WriteString(c, "hello")
		return err
	}, func(r *rig) {
		req := request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", strings.Repeat("x", size))
		resp, err := r.transport.Send(req, time.Now().Add(7*time.Second))
		if err != nil {
			r.t.Fatal(err)
		}
		_ = resp.Body.(deadliner).SetReadDeadline(time.Time{})
		if want(r.t, resp, nil, 200, "hello"); taken != size {
			r.t.Errorf("the backend got %d bytes of %d", taken, size)
		}
	})
}

func TestSend_DiallingTakesTwoSecondsAtMost(t *testing.T) {
	for _, row := range []struct {
		until, took time.Duration
		timedOut    bool
	}{{0, 2 * time.Second, false}, {time.Minute, 2 * time.Second, false}, {time.Second, time.Second, true}} {
		inBubble(t, answering(hello), func(r *rig) {
			r.network.BlackHole("backend.test:80")
			began := time.Now()
			until := time.Time{}
			if row.until > 0 {
				until = began.Add(row.until)
			}
			_, err := r.transport.Send(request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "x"), until)
			wantError(r.t, err, upstream.NotConnected, false)
			if took := time.Since(began); took != row.took || errors.Is(err, upstream.ErrTimedOut) != row.timedOut {
				r.t.Errorf("took %v: %v", took, err)
			}
		})
	}
}

// A dialler's own time out is no end of the time given: another backend may answer.
func TestSend_ADiallerThatTimesOutByItselfIsNotInTheWayOfOthers(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, _ := net.Pipe()
		_ = near.SetDeadline(time.Unix(1, 0))
		_, err := near.Read(make([]byte, 1))
		return nil, &net.OpError{Op: "dial", Err: err}
	}
	_, err := upstream.New(upstream.Options{Dial: dial}).Send(request(t.Context(), t, http.MethodGet, "http://backend.test/", ""), time.Now().Add(time.Hour))
	if wantError(t, err, upstream.NotConnected, false); errors.Is(err, upstream.ErrTimedOut) {
		t.Errorf("it is taken for the end of the time given: %v", err)
	}
}

type deadliner interface{ SetReadDeadline(t time.Time) error }

func TestBody_ItsDeadlineEndsAReadThatIsUnderWay(t *testing.T) {
	inBubble(t, silentAfter("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"), func(r *rig) {
		began := time.Now()
		resp, err := r.transport.Send(request(r.t.Context(), r.t, http.MethodPost, "http://backend.test/", "x"), began.Add(time.Second))
		if err != nil {
			r.t.Fatal(err)
		}
		if err := resp.Body.(deadliner).SetReadDeadline(time.Time{}); err != nil {
			r.t.Error(err)
		}
		time.AfterFunc(2*time.Second, func() { _ = resp.Body.(deadliner).SetReadDeadline(began.Add(5 * time.Second)) })
		got, err := io.ReadAll(resp.Body)
		if took := time.Since(began); string(got) != "hello" || !errors.Is(err, upstream.ErrTimedOut) || took != 5*time.Second {
			r.t.Errorf("got %q after %v: %v", got, took, err)
		}
		if end := <-r.ended; end.after != 5*time.Second {
			r.t.Errorf("the connection ended after %v", end.after)
		}
	})
}

func TestBody_ItsDeadlineIsNotThatOfTheNextAnswer(t *testing.T) {
	inBubble(t, func(c net.Conn, from *bufio.Reader) error {
		for {
			if err := takeRequest(from); err != nil {
				return err
			}
			time.Sleep(10 * time.Second) // virtual
			_, _ = io.WriteString(c, hello)
		}
	}, func(r *rig) {
		first, err := r.post("x")
		if err != nil {
			r.t.Fatal(err)
		}
		_ = first.Body.(deadliner).SetReadDeadline(time.Now().Add(5 * time.Second))
		want(r.t, first, nil, 200, "hello")
		time.AfterFunc(time.Second, func() {
			if err := first.Body.(deadliner).SetReadDeadline(time.Unix(1, 0)); !errors.Is(err, net.ErrClosed) {
				r.t.Errorf("a body that is over takes a deadline: %v", err)
			}
		})
		second, err := r.post("x")
		want(r.t, second, err, 200, "hello")
		r.wantDials(1)
	})
}

func TestBody_MayBeClosedWhileItIsRead(t *testing.T) {
	inBubble(t, silentAfter("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), func(r *rig) {
		resp, err := r.post("x")
		if err != nil {
			r.t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { _ = resp.Body.Close() })
		if _, err := io.ReadAll(resp.Body); err == nil {
			r.t.Error("a body that was closed ended well")
		}
	})
}

func TestBody_AnAnswerThatBreaksOffIsNoEnd(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		inBubble(t, func(c net.Conn, from *bufio.Reader) error {
			_ = takeRequest(from)
			_, err := io.WriteString(c, answer)
			return err
		}, func(r *rig) {
			resp, err := r.post("x")
			if err != nil {
				r.t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_, again := resp.Body.Read(make([]byte, 1))
			if string(got) != "hello" || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(again, err) {
				r.t.Errorf("got %q, %v and then %v", got, err, again)
			}
		})
	}
}
