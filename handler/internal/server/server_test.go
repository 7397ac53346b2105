package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/server"
)

func serve(t *testing.T, proxy http.HandlerFunc) *httptest.Server {
	t.Helper()
	status := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "status of "+r.URL.Path) })
	s := httptest.NewServer(server.Routes(server.Options{Proxy: proxy, Status: status, Log: zerolog.Nop()}))
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, method, url string) (status int, contentType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(text)
}

func TestRoutes_ServeOursProxyOpenAIAndRefuseTheRest(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "proxied "+r.URL.EscapedPath()) })
	for _, row := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/", 200, "ready"},
		{"GET", "/healthz", 200, "ok"},
		{"GET", "/status", 200, "status of /status"},
		{"GET", "/status.json", 200, "status of /status.json"},
		{"POST", "/status.json", 404, `"code":"not_found"`},
		{"GET", "/openai/models", 200, "proxied /openai/models"},
		{"PATCH", "/openai/deployments/a%2Fb/x", 200, "proxied /openai/deployments/a%2Fb/x"},
		{"PROPFIND", "/openai/x", 200, "proxied /openai/x"},
		{"DELETE", "/openai/", 200, "proxied /openai/"},
		{"POST", "/", 404, `"code":"not_found"`},
		{"GET", "/openai", 404, `"code":"not_found"`},
		{"GET", "/openai%2Fmodels", 404, `"code":"not_found"`},
		{"GET", "/anything%2Felse", 404, `"code":"not_found"`},
	} {
		status, contentType, body := get(t, row.method, s.URL+row.path)
		if status != row.status || !strings.Contains(body, row.says) || (status == 404 && contentType != "application/json") {
			t.Errorf("%s %s: %d %s %s", row.method, row.path, status, contentType, body)
		}
	}
}

func TestRoutes_APanicIsA500AndEndsNothing(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { panic("a secret") })
	for range 2 {
		status, _, body := get(t, http.MethodGet, s.URL+"/openai/x")
		if status != 500 || !strings.Contains(body, `"code":"internal_error"`) || strings.Contains(body, "secret") {
			t.Errorf("%d %s", status, body)
		}
	}
}

func TestRoutes_APanicInMidAnswerIsNoCleanEnd(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("a fault")
	})
	resp, err := http.Get(s.URL + "/openai/x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half" {
		t.Errorf("ended with %v after %q", err, body)
	}
}

func TestRoutes_AnAbortInMidAnswerReachesTheCaller(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	resp, err := http.Get(s.URL + "/openai/x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a clean end after %q", body)
	}
}

func TestServe_DrainsWhatIsUnderWayAndThenEndsWithoutError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	entered, ended := make(chan struct{}), make(chan error, 1)
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-ctx.Done()
		_, _ = io.WriteString(w, "whole")
	})
	go func() { ended <- server.Serve(ctx, listener, slow, zerolog.New(&log)) }()
	go func() {
		<-entered
		stop()
	}()
	_, _, body := get(t, http.MethodGet, "http://"+listener.Addr().String())
	if err := <-ended; err != nil || body != "whole" || !strings.Contains(log.String(), "draining") {
		t.Errorf("%v after %q; logged %s", err, body, log.String())
	}
}

func TestServe_AListenerThatFailsIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := server.Serve(t.Context(), listener, http.NotFoundHandler(), zerolog.Nop()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
}

// API Management adds the function key to whatever its callers ask for, and the host resolves dots in paths.
func TestRoutes_TheStatusIsNotForCallersOfAPIManagement(t *testing.T) {
	shown := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "shown") })
	s := httptest.NewServer(server.Routes(server.Options{Proxy: http.NotFoundHandler(), Status: shown, Log: zerolog.Nop()}))
	t.Cleanup(s.Close)
	for _, path := range []string{"/status", "/status.json"} {
		for gateway, want := range map[string]int{"": http.StatusOK, "api-management": http.StatusNotFound} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-aoai-gateway", gateway)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%s with the header %q: %d", path, gateway, resp.StatusCode)
			}
		}
	}
}
