package simulator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

const host = "eastus.test:80"

// pair connects two ends over a network.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	network := simulator.NewNetwork()
	listener := network.Listen(host)
	client, err := network.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

func TestNetwork_CarriesHTTPInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simulator.NewNetwork()
		serveInMemory(t, network, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent, err := io.ReadAll(r.Body)
			if r.Host != host || r.RemoteAddr == "" || err != nil {
				t.Errorf("host %q, from %q, %v", r.Host, r.RemoteAddr, err)
			}
			_, _ = w.Write(sent)
		}))
		transport := &http.Transport{DialContext: network.DialContext}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		begun := time.Now()
		var callers sync.WaitGroup
		for i := range 20 {
			callers.Go(func() {
				sent := strings.Repeat("x", 1+i*20_000) // up to several buffers
				response, err := client.Post("http://"+host, "text/plain", strings.NewReader(sent))
				if err != nil {
					t.Error(err)
					return
				}
				if got := finish(response); got.body != sent || got.err != nil {
					t.Errorf("%d bytes of %d, %v", len(got.body), len(sent), got.err)
				}
			})
		}
		callers.Wait()
		if time.Since(begun) != 0 {
			t.Errorf("took %v of fake time", time.Since(begun))
		}
	})
}

func TestNetwork_KeepsConnectionsAndTimesOutIdleOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simulator.NewNetwork()
		listener := network.Listen(host)
		addresses := map[string]bool{}
		server := &http.Server{IdleTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			addresses[r.RemoteAddr] = true
		})}
		go func() { _ = server.Serve(listener) }()
		defer server.Close()
		transport := &http.Transport{DialContext: network.DialContext}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		for _, pause := range []time.Duration{0, 59 * time.Second, 61 * time.Second} {
			time.Sleep(pause)
			response, err := client.Get("http://" + host)
			if err != nil {
				t.Fatal(err)
			}
			finish(response)
		}
		if len(addresses) != 2 {
			t.Errorf("%d connections, want 2: the third request comes after the idle timeout", len(addresses))
		}
	})
}

func TestNetwork_RefusesWhereNobodyListens(t *testing.T) {
	network := simulator.NewNetwork()
	dial := func(name string) error {
		_, err := network.DialContext(t.Context(), "tcp", name)
		return err
	}
	check := func(what string) {
		t.Helper()
		err := dial(host)
		if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("never listened")
	listener := network.Listen(host)
	if err := dial(host); err != nil {
		t.Error(err)
	}
	_ = listener.Close()
	check("listener closed")
	network.Listen(host)
	network.Close(host)
	check("host closed")
	if network.Listen(host); dial(host) != nil {
		t.Error("a host does not come back")
	}
}

func TestNetwork_BlackHoleLastsAsLongAsTheCallerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simulator.NewNetwork()
		network.Listen(host)
		network.BlackHole(host)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := network.DialContext(ctx, "tcp", host)
		if op := (*net.OpError)(nil); !errors.As(err, &op) || !op.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if time.Since(begun) != 2*time.Second {
			t.Errorf("after %v", time.Since(begun))
		}
		network.Restore(host)
		if _, err := network.DialContext(t.Context(), "tcp", host); err != nil {
			t.Error(err)
		}
	})
}

func TestNetwork_CloseResetsWhatIsConnectedOrWaiting(t *testing.T) {
	network := simulator.NewNetwork()
	listener := network.Listen(host)
	accepted, err := network.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listener.Accept(); err != nil {
		t.Fatal(err)
	}
	waiting, err := network.DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	network.Close(host)
	for _, c := range []net.Conn{accepted, waiting} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
	}
	if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
}

func TestConnection_CloseLetsTheOtherEndReadOn(t *testing.T) {
	client, server := pair(t)
	_, _ = server.Write([]byte("last words"))
	_ = server.Close()
	if got, err := io.ReadAll(client); string(got) != "last words" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if err := server.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

func TestConnection_HalfCloseLeavesTheOtherHalf(t *testing.T) {
	client, server := pair(t)
	_, _ = client.Write([]byte("question"))
	_ = client.(interface{ CloseWrite() error }).CloseWrite()
	if got, err := io.ReadAll(server); string(got) != "question" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, _ = server.Write([]byte("answer"))
	_ = server.Close()
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestConnection_ResetLosesWhatIsInFlight(t *testing.T) {
	client, server := pair(t)
	_, _ = server.Write([]byte("lost"))
	_ = server.(interface{ Reset() error }).Reset()
	if n, err := client.Read(make([]byte, 10)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: %d, %v", n, err)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write: %v", err)
	}
}

func TestConnection_WriterAheadWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		sent := bytes.Repeat([]byte("0123456789"), 20_000)
		done := false
		go func() {
			if _, err := client.Write(sent); err != nil {
				t.Error(err)
			}
			done = true
			_ = client.Close()
		}()
		synctest.Wait()
		if done {
			t.Error("200,000 bytes fit into a buffer that should be bounded")
		}
		if got, err := io.ReadAll(server); !bytes.Equal(got, sent) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestConnection_ClearedDeadlineNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		_ = client.SetDeadline(time.Now().Add(time.Minute))
		_ = client.SetDeadline(time.Time{})
		time.Sleep(time.Hour)
		_, _ = server.Write([]byte("late"))
		if n, err := client.Read(make([]byte, 4)); n != 4 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
	})
}

func TestConnection_DeadlinesWakeWaitersAndCanBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		begun := time.Now()
		expect := func(what string, err error, after time.Duration) {
			t.Helper()
			timeout := net.Error(nil)
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begun) != after {
				t.Errorf("%s: %v after %v", what, err, time.Since(begun))
			}
		}
		_ = client.SetReadDeadline(begun.Add(time.Minute))
		_, err := client.Read(make([]byte, 1))
		expect("read", err, time.Minute)

		_ = client.SetWriteDeadline(begun.Add(2 * time.Minute))
		_, err = client.Write(make([]byte, 1<<20))
		expect("write", err, 2*time.Minute)

		_ = client.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			_ = client.SetDeadline(begun) // long past, as net/http ends a pending read
		}()
		_, err = client.Read(make([]byte, 1))
		expect("ended read", err, 3*time.Minute)

		_ = client.SetDeadline(begun.Add(4 * time.Minute))
		_ = client.SetDeadline(begun.Add(5 * time.Minute))
		_, _ = io.CopyN(io.Discard, server, 64<<10)
		_, _ = server.Write([]byte("y"))
		if n, err := client.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("read: %d, %v", n, err)
		}
		_, err = client.Read(make([]byte, 1))
		expect("moved deadline", err, 5*time.Minute)
	})
}
