package proxy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/proxy"
	"aoai-balancer/handler/internal/replay"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/upstream"
)

func TestHygiene_ABackendSeesOneCredentialAndNothingOfTheCallersOrThePlatforms(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Status: 500})
		path := strings.Replace(chat, "?", "?code=fk&Code=fk&%63ode=fk&", 1) + "&subscription-key=sk&x=a%20b;c"
		req := r.request(r.t.Context(), http.MethodPost, path, question)
		for _, name := range []string{
			"api-key", "Authorization", "Ocp-Apim-Subscription-Key", "x-functions-key", "Cookie", "X-Forwarded-For", "X-Forwarded-Prefix",
			"Forwarded", "X-Azure-Functions-InvocationId", "x-ms-invocation-id", "X-Ms-Client-Principal", "Proxy-Authorization",
			"Connection", "Upgrade", "X-Aoai-Anything",
		} {
			req.Header.Set(name, "callers-own")
		}
		req.Header.Set("X-Ms-Client-Request-Id", "kept")
		r.want(r.do(req), 200, "b", "2")
		for i, b := range r.backends {
			got := b.Received()[0]
			key := "key-of-" + string(rune('a'+i))
			for name, values := range got.Header {
				if slices.Contains(values, "callers-own") {
					t.Errorf("%s reached backend %d", name, i)
				}
			}
			if got.Header.Get("api-key") != key || got.Header.Get("Authorization") != "" || got.Header.Get("X-Ms-Client-Request-Id") != "kept" {
				t.Errorf("backend %d got %v", i, got.Header)
			}
			if got.Query != "api-version=2024-10-21&x=a%20b;c" {
				t.Errorf("backend %d got the query %q", i, got.Query)
			}
		}
	})
}

func TestHygiene_NothingOfAPromptAKeyOrAHostIsLoggedOrAnswered(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.network.Close("a.test:80")
		r.backends[1].Script(simulator.Step{Times: 20, Status: 401}, simulator.Step{Times: -1, Reset: true})
		var answered strings.Builder
		for range 6 {
			for _, body := range []string{question, streamed} {
				req := r.request(r.t.Context(), http.MethodPost, chat, body)
				req.Header.Set("api-key", "the-callers-key")
				got := r.do(req)
				_ = got.header.Write(&answered)
				answered.WriteString(got.body)
			}
		}
		r.logged()
		for _, secret := range []string{"nobody must log", "key-of-", "the-callers-key", ".test"} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("%q is in the log", secret)
			}
			if strings.Contains(answered.String(), secret) {
				t.Errorf("%q is in an answer", secret)
			}
		}
	})
}

func TestBody_IsByteIdenticalOnEveryAttemptAtAnySize(t *testing.T) {
	for _, size := range []int{0, 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		inBubble(t, 3, func(r *rig) {
			body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			r.backends[0].Script(simulator.Step{Status: 500})
			r.backends[1].Script(simulator.Step{Reset: true})
			req := r.request(r.t.Context(), http.MethodPost, "/openai/files", "")
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), -1
			r.do(req)
			want := sha256.Sum256([]byte(body))
			for i, b := range r.backends {
				got := b.Received()[0]
				if got.Length != int64(size) || (size > 0 && got.SHA256 != hex.EncodeToString(want[:])) {
					t.Errorf("backend %d got %d bytes of %d, %s", i, got.Length, size, got.SHA256)
				}
			}
		})
	}
}

func TestBody_ErrorsAreTheCallersToUnderstand(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for _, length := range []int64{4097, -1} {
			req := r.request(r.t.Context(), http.MethodPost, chat, "")
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 4097))), length
			if got := r.do(req); got.status != 413 || got.code() != "request_too_large" {
				t.Errorf("length %d: answered %d: %s", length, got.status, got.body)
			}
		}
		r.want(r.ask(), 200, "a", "1")
	}, func(_ *rig, p *plan) {
		p.options.Bodies = replay.NewPool(replay.Limits{Memory: 1024, MemoryTotal: 4096, DiskTotal: 1 << 20, Max: 4096})
	})
	inBubble(t, 1, func(r *rig) {
		got := r.do(r.request(r.t.Context(), http.MethodPost, chat, strings.Repeat("x", 4096)))
		if got.status != 503 || got.header.Get("Retry-After") != "1" {
			t.Errorf("answered %d: %v %s", got.status, got.header, got.body)
		}
		r.want(r.ask(), 200, "a", "1")
	}, func(_ *rig, p *plan) {
		p.options.Bodies = replay.NewPool(replay.Limits{Memory: 1024, MemoryTotal: 2048, DiskTotal: 2048, Max: 1 << 20})
	})
}

func TestPath_ABackendSeesTheCallersPath(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for _, name := range []string{"chat", "openai", "gr%C3%BCn%20er", "a%2Fb", "a;b", "A", "deployments"} {
			path := "/openai/deployments/" + name + "/chat/completions"
			r.do(r.request(r.t.Context(), http.MethodPost, path+"?api-version=1", question))
			received := r.backends[0].Received()
			if got := received[len(received)-1].Path; got != path {
				t.Errorf("%s became %s", path, got)
			}
		}
	})
}

func TestPath_WhatTheFunctionsHostEscapedTwiceIsUndoneOnlyUnderIt(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for _, row := range []struct{ invocation, sent, received string }{
			{"some-id", "a%252Fb", "a%2Fb"},
			{"", "a%252Fb", "a%252Fb"},
		} {
			req := r.request(r.t.Context(), http.MethodPost, "/openai/deployments/"+row.sent+"/embeddings?api-version=1", `{"input":"x"}`)
			req.Header.Set("X-Azure-Functions-InvocationId", row.invocation)
			r.do(req)
			received := r.backends[0].Received()
			if got := received[len(received)-1].Path; got != "/openai/deployments/"+row.received+"/embeddings" {
				t.Errorf("%s reached the backend as %s", row.sent, got)
			}
		}
	})
}

func TestDeployments_AMapRenamesTheSegmentAndSaysWhoHasWhat(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.want(r.do(r.request(r.t.Context(), http.MethodPost, "/openai/deployments/chat/chat/completions?api-version=1", question)), 200, "a", "1")
		if got := r.backends[0].Received()[0].Path; got != "/openai/deployments/gpt%20west/chat/completions" {
			t.Errorf("backend a saw %s", got)
		}
		got := r.do(r.request(r.t.Context(), http.MethodPost, "/openai/deployments/unknown/chat/completions?api-version=1", question))
		if got.status != 404 || got.code() != "DeploymentNotFound" {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
		for range 3 {
			r.want(r.do(r.request(r.t.Context(), http.MethodPost, "/openai/deployments/only-b/chat/completions?api-version=1", question)), 200, "b", "1")
		}
	}, func(_ *rig, p *plan) {
		p.backends[0].Deployments = map[string]string{"chat": "gpt west"}
		p.backends[1].Deployments = map[string]string{"chat": "openai", "only-b": "only-b"}
	})
}

func TestCredential_OneThatIsNotToBeHadMovesOnAndAllGoneIs503(t *testing.T) {
	away := func(_ *rig, p *plan) {
		p.backends[0].Credential = credential.Secret(nil, "never fetched", credential.Options{})
	}
	inBubble(t, 2, func(r *rig) {
		got := r.ask()
		r.want(got, 200, "b", "2")
		if got.took > 2*time.Second {
			t.Errorf("took %v", got.took)
		}
		wantBack(t, r, 0)
	}, away)
	inBubble(t, 1, func(r *rig) {
		if got := r.ask(); got.status != 503 || got.code() != "backend_credentials_unavailable" {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
	}, away, noWaiting)
}

func TestAnswer_HeadersAreASCIIBecauseTheFunctionsHostFailsOnOthers(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		got := r.post("/openai/deployments/gr%C3%BCn/chat/completions?api-version=1", question)
		if name := got.header.Get("x-ms-deployment-name"); name != "gr%C3%BCn" {
			t.Errorf("the name came as %q", name)
		}
		r.backends[0].Script(simulator.Step{Times: 5, Status: 500, Header: map[string]string{"x-name": "grün"}})
		if name := r.ask().header.Get("x-name"); name != "gr%C3%BCn" {
			t.Errorf("the name came as %q", name)
		}
	}, noWaiting)
}

func TestAnswer_AddressesAtTheBackendBecomePathsAtTheGateway(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		header := map[string]string{"Operation-Location": "http://a.test/openai/operations/images/1?api-version=1", "X-Served-By": "a.test"}
		for _, status := range []int{202, 500} {
			r.backends[0].Script(simulator.Step{Times: 1, Status: status, Header: header, Body: "{}"})
			got := r.ask()
			if got.header.Get("Operation-Location") != "/openai/operations/images/1?api-version=1" || got.header.Get("X-Served-By") != "" {
				t.Errorf("%d: %v", status, got.header)
			}
		}
	}, noWaiting)
}

// A caller leaves while it still sends its body: no backend hears of the call.
func TestCallerLeaves_BeforeItsBodyIsHereCallsNobody(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		ctx, leave := context.WithTimeout(r.t.Context(), time.Second)
		defer leave()
		req := r.request(ctx, http.MethodPost, chat, "")
		unfinished, rest := io.Pipe()
		context.AfterFunc(ctx, func() { _ = rest.CloseWithError(ctx.Err()) })
		go func() { _, _ = rest.Write([]byte(`{"messages":`)) }()
		req.Body, req.ContentLength = unfinished, 1000
		if _, err := r.client.Do(req); err == nil {
			t.Error("answered")
		}
		time.Sleep(time.Minute)
		if lines := r.logged(); len(lines) != 1 || lines[0]["http.response.status_code"] != 499.0 {
			t.Errorf("logged: %v", lines)
		}
		r.wantCalls(0)
	})
}

// TestHTTP_BothWaysOverRealSockets makes sure that nothing above hangs on the network in memory.
func TestHTTP_BothWaysOverRealSockets(t *testing.T) {
	openai := simulator.New(simulator.Options{})
	azure := httptest.NewServer(openai)
	defer azure.Close()
	endpoint, err := url.Parse(azure.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := defaults()
	o.Backends = backend.NewSet([]*backend.Backend{{Name: "a", Endpoint: endpoint, Credential: credential.Literal("k"), Priority: 1, Weight: 1}})
	o.Health, o.Rotation = backend.NewHealth(1, time.Second, time.Second), rotation.New([]rotation.Member{{Weight: 1, Priority: 1}})
	o.Go = func(f func()) { go f() }
	o.Transport = upstream.New(upstream.Options{Dial: new(net.Dialer).DialContext, Go: o.Go})
	gateway := httptest.NewServer(proxy.New(o))
	defer gateway.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	openai.Script(simulator.Step{Stall: 5})
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, gateway.URL+chat, strings.NewReader(streamed))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	leave()
	_ = resp.Body.Close()
	<-openai.Left()
}
