package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/config"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/proxy"
	"aoai-balancer/handler/internal/replay"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/server"
	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/telemetry"
	"aoai-balancer/handler/internal/upstream"
)

const (
	chat     = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
	question = `{"messages":[{"role":"user","content":"a question that nobody must log"}]}`
	streamed = `{"stream":true,"messages":[{"role":"user","content":"a question that nobody must log"}]}`
)

// rig is the product's whole path of a request in virtual time: an HTTP client, the server, and simulated backends
// called a, b, c …, all over a network in memory.
type rig struct {
	t        *testing.T
	network  *simulator.Network
	backends []*simulator.OpenAI
	health   *backend.Health
	homes    *affinity.Homes
	bodies   *replay.Pool
	client   *http.Client
	log      *syncBuffer
	closers  []func()
}

// setting changes what newRig makes.
type setting func(r *rig, p *plan)

type plan struct {
	backends []*backend.Backend
	homes    affinity.Table
	options  proxy.Options
}

// inBubble runs the test on n backends.
func inBubble(t *testing.T, n int, test func(r *rig), settings ...setting) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, n, settings)
		defer r.close()
		test(r)
	})
}

func newRig(t *testing.T, n int, settings []setting) *rig {
	r := &rig{t: t, network: simulator.NewNetwork(), log: &syncBuffer{}}
	plan := plan{options: defaults()}
	for i := range n {
		name := string(rune('a' + i))
		r.add(&plan, name, simulator.Options{Name: name, Keys: []string{"key-of-" + name}})
	}
	for _, set := range settings {
		set(r, &plan)
	}
	r.assemble(plan)
	return r
}

// add starts a simulated backend and plans to use it.
func (r *rig) add(p *plan, name string, o simulator.Options) {
	openai := simulator.New(o)
	r.backends = append(r.backends, openai)
	r.serve(name+".test:80", openai)
	p.backends = append(p.backends, &backend.Backend{
		Name: name, Endpoint: &url.URL{Scheme: "http", Host: name + ".test"}, Credential: credential.Literal("key-of-" + name), Priority: 1, Weight: 1,
	})
}

// defaults are the settings' own.
func defaults() proxy.Options {
	c, _ := config.Load(func(name string) string {
		return map[string]string{"OPENAI_BACKENDS": `[{"name":"x","endpoint":"https://x.test","key":"k"}]`}[name]
	})
	return proxy.Options{
		Turns: new(inOrder), Bodies: replay.NewPool(replay.Limits{Memory: 1 << 20, MemoryTotal: 64 << 20, DiskTotal: 512 << 20, Max: c.MaxBodyBytes}),
		RetryStatus: c.RetryStatus.Has, MaxRetries: c.MaxRetries, RetryInterval: c.RetryInterval,
		RequestTimeout: c.RequestTimeout, AttemptTimeout: c.AttemptTimeout, StreamIdleTimeout: c.StreamIdleTimeout,
	}
}

func (r *rig) assemble(plan plan) {
	members, names := make([]rotation.Member, len(plan.backends)), make([]string, len(plan.backends))
	for i, b := range plan.backends {
		names[i], members[i] = b.Name, rotation.Member{Name: b.Name, Weight: b.Weight, Priority: b.Priority}
	}
	log, err := telemetry.NewLogger(r.log, "debug")
	if err != nil {
		r.t.Fatal(err)
	}
	r.bodies = plan.options.Bodies
	r.health = backend.NewHealth(len(plan.backends), 10*time.Second, 2*time.Minute)
	backends := upstream.New(upstream.Options{Dial: r.network.DialContext, Go: telemetry.Go(log)})
	o := plan.options
	r.homes = affinity.New(affinity.Options{Backends: names, Table: plan.homes, Go: telemetry.Go(log)})
	o.Homes = r.homes
	o.Backends, o.Health, o.Rotation = backend.NewSet(plan.backends), r.health, rotation.New(members)
	o.Transport, o.Go = backends, telemetry.Go(log)
	r.serve("gateway.test:80", server.Routes(server.Options{Proxy: proxy.New(o), Log: log}))
	downstream := &http.Transport{DialContext: r.network.DialContext, DisableCompression: true, MaxIdleConnsPerHost: 100}
	r.client = &http.Client{Transport: downstream}
	r.closers = append(r.closers, backends.CloseIdleConnections, downstream.CloseIdleConnections)
}

func (r *rig) serve(address string, h http.Handler) {
	s := &http.Server{Handler: h}
	listener := r.network.Listen(address)
	go func() { _ = s.Serve(listener) }()
	r.closers = append(r.closers, func() { _ = s.Close() })
}

func (r *rig) close() {
	for _, stop := range slices.Backward(r.closers) {
		stop()
	}
	time.Sleep(time.Second) // virtual: lets net/http's servers linger
	synctest.Wait()
	r.checkLog()
}

// inOrder gives turns 0, 1, 2 …
type inOrder struct{ next atomic.Uint64 }

func (o *inOrder) Take(context.Context, string) rotation.Turn {
	return rotation.Turn{N: o.next.Add(1) - 1}
}

// reply is an answer as a caller got it.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
	took   time.Duration
}

func (r *rig) request(ctx context.Context, method, path, body string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://gateway.test"+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

func (r *rig) do(req *http.Request) reply {
	r.t.Helper()
	begin := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return reply{resp.StatusCode, resp.Header, string(body), err, time.Since(begin)}
}

// ask makes the chat call.
func (r *rig) ask() reply {
	r.t.Helper()
	return r.do(r.request(r.t.Context(), http.MethodPost, chat, question))
}

func (r *rig) stream() reply {
	r.t.Helper()
	return r.do(r.request(r.t.Context(), http.MethodPost, chat, streamed))
}

// want checks an answer's status, who gave it, and after how many attempts.
func (r *rig) want(got reply, status int, backend, attempts string) {
	r.t.Helper()
	if got.status != status || got.header.Get("x-aoai-backend") != backend || got.header.Get("x-aoai-attempts") != attempts {
		r.t.Errorf("got %d from %q after %s attempts, want %d from %q after %s; body %.200s",
			got.status, got.header.Get("x-aoai-backend"), got.header.Get("x-aoai-attempts"), status, backend, attempts, got.body)
	}
}

// wantCalls checks how many calls each backend has had.
func (r *rig) wantCalls(counts ...int64) {
	r.t.Helper()
	for i, want := range counts {
		if got := r.backends[i].Calls(); got != want {
			r.t.Errorf("backend %c had %d calls, want %d", 'a'+i, got, want)
		}
	}
}

func (g reply) code() string {
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal([]byte(g.body), &e)
	return e.Error.Code
}

// logged is the access log's lines so far.
func (r *rig) logged() []map[string]any {
	synctest.Wait()
	var lines []map[string]any
	for line := range strings.Lines(r.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			r.t.Errorf("the log holds %q", line)
		}
		if fields["event"] == "request" {
			lines = append(lines, fields)
		}
	}
	return lines
}

// last is the last line of the access log.
func (r *rig) last() map[string]any {
	r.t.Helper()
	lines := r.logged()
	if len(lines) == 0 {
		r.t.Fatal("nothing was logged")
	}
	return lines[len(lines)-1]
}

// outcomes are the names of the last logged request's attempts.
func (r *rig) outcomes() string {
	r.t.Helper()
	var names []string
	for _, a := range r.last()["attempts"].([]any) {
		names = append(names, a.(map[string]any)["outcome"].(string))
	}
	return strings.Join(names, " ")
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// ids are what differs between two answers of a simulator to the same question.
var ids = regexp.MustCompile(`"(id|created|system_fingerprint)":("[^"]*"|\d+)`)

// direct makes the chat call at a backend without the product.
func (r *rig) direct(i int, body string) reply {
	r.t.Helper()
	name := string(rune('a' + i))
	req := r.request(r.t.Context(), http.MethodPost, chat, body)
	req.URL.Host = name + ".test"
	req.Header.Set("api-key", "key-of-"+name)
	return r.do(req)
}

// tokens is an identity whose token a test changes.
type tokens struct {
	current atomic.Value // string; empty: none to be had
	asked   atomic.Int64
	slow    atomic.Int64 // how long it takes, as a time.Duration
}

func (f *tokens) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.asked.Add(1)
	time.Sleep(time.Duration(f.slow.Load())) // virtual
	token, _ := f.current.Load().(string)
	if token == "" {
		return azcore.AccessToken{}, errors.New("no token")
	}
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(24 * time.Hour)}, nil
}

// entra makes backend i take the identity's tokens.
func (f *tokens) entra(i int) setting {
	return func(r *rig, p *plan) {
		source := credential.Entra(f, credential.Options{})
		ctx, stop := context.WithCancel(context.Background())
		r.closers = append(r.closers, stop)
		source.Start(ctx)
		p.backends[i].Credential, p.backends[i].Entra = source, true
	}
}
