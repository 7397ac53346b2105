package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/replay"
)

// Many clients read an answer only when they have sent all of their request. One that needs a second for that gets the
// refusal of its body all the same.
func TestRefusal_ReachesACallerThatSendsItsWholeBodyFirst(t *testing.T) {
	const length, pieces = 1 << 20, 16
	inBubble(t, 1, func(r *rig) {
		conn, err := r.network.DialContext(r.t.Context(), "tcp", "gateway.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: %d\r\n\r\n", chat, length)
		for range pieces {
			time.Sleep(time.Second / pieces)
			if err == nil {
				_, err = io.WriteString(conn, strings.Repeat("x", length/pieces))
			}
		}
		if err != nil {
			t.Fatalf("the request could not be sent: %v", err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("answered %d %v", resp.StatusCode, resp.Header)
		}
	}, func(_ *rig, p *plan) {
		p.options.Bodies = replay.NewPool(replay.Limits{Memory: 1024, MemoryTotal: 2048, DiskTotal: 2048, Max: 2 << 20})
	})
}

// A caller that goes on sending for ever, or stops in the middle, is left to itself after a while.
func TestRefusal_IsNotListenedToForLong(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		conn, err := r.network.DialContext(r.t.Context(), "tcp", "gateway.test:80")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		began := time.Now()
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 8000000\r\n\r\nxxx", chat)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("the answer was whole after %v: %v", time.Since(began), err)
		}
		if resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("answered %d", resp.StatusCode)
		}
		if _, err := io.ReadAll(in); err != nil {
			t.Errorf("the connection ended with %v", err)
		}
		if took := time.Since(began); took < time.Second || took > 10*time.Second {
			t.Errorf("the connection ended after %v", took)
		}
	}, func(_ *rig, p *plan) {
		p.options.Bodies = replay.NewPool(replay.Limits{Memory: 1024, MemoryTotal: 2048, DiskTotal: 2048, Max: 8 << 20})
	})
}
