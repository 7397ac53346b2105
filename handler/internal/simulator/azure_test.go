package simulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

const (
	chatPath  = "/openai/deployments/gpt-5.1/chat/completions?api-version=2024-10-21"
	question  = `{"messages":[{"role":"user","content":"how far is it"}]}`
	streaming = `{"stream":true,"messages":[{"role":"user","content":"how far is it"}]}`
)

// resource is a simulated resource behind a real HTTP server, with a client.
type resource struct {
	*simulator.OpenAI
	t      *testing.T
	url    string
	client *http.Client
}

// overTCP serves on a loopback socket.
func overTCP(t *testing.T, o simulator.Options) resource {
	t.Helper()
	s := simulator.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return resource{OpenAI: s, t: t, url: server.URL, client: server.Client()}
}

// inBubble runs a test with fake time against a server in memory.
func inBubble(t *testing.T, o simulator.Options, test func(t *testing.T, a resource)) {
	synctest.Test(t, func(t *testing.T) {
		network, s := simulator.NewNetwork(), simulator.New(o)
		serveInMemory(t, network, "westeurope.test:80", s)
		transport := &http.Transport{DialContext: network.DialContext}
		defer transport.CloseIdleConnections()
		test(t, resource{OpenAI: s, t: t, url: "http://westeurope.test:80", client: &http.Client{Transport: transport}})
	})
}

func serveInMemory(t *testing.T, network *simulator.Network, host string, h http.Handler) {
	listener := network.Listen(host)
	server := &http.Server{Handler: h}
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		time.Sleep(time.Second) // fake: a server that answered early lingers for half of it
	})
}

// reply is an answer that was read to its end, or as far as it came.
type reply struct {
	*http.Response
	body string
	err  error // from reading the body
}

func (a resource) request(method, path, body string, header ...string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("api-key", "k1")
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (a resource) send(method, path, body string, header ...string) reply {
	a.t.Helper()
	response, err := a.client.Do(a.request(method, path, body, header...))
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return finish(response)
}

func finish(response *http.Response) reply {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{Response: response, body: string(body), err: err}
}

func (a resource) post(path, body string, header ...string) reply {
	a.t.Helper()
	return a.send(http.MethodPost, path, body, header...)
}

// want checks the status and words of the body.
func (r reply) want(t *testing.T, status int, words ...string) reply {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d; body %s", r.StatusCode, status, r.body)
	}
	for _, word := range words {
		if !strings.Contains(r.body, word) {
			t.Fatalf("body without %q: %s", word, r.body)
		}
	}
	if r.err != nil {
		t.Fatalf("body: %v", r.err)
	}
	return r
}

// field digs a value out of a JSON document.
func field(t *testing.T, document string, path ...any) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	for _, step := range path {
		switch key := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				t.Fatalf("no element %d in %s", key, document)
			}
			v = list[key]
		}
	}
	return v
}

func wantField(t *testing.T, document string, want any, path ...any) {
	t.Helper()
	if got := field(t, document, path...); got != want {
		t.Fatalf("%v is %v, want %v", path, got, want)
	}
}

// events splits a stream into its events, without the blank lines.
func events(body string) []string {
	return strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n")
}

// slowBody is a request body of n bytes that arrives only when asked for.
func slowBody(n int) io.Reader {
	return io.MultiReader(strings.NewReader(`{"messages":"`), bytes.NewReader(bytes.Repeat([]byte("x"), n)), strings.NewReader(`"}`))
}
