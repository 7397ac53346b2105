package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// TestChaos_OneBackendOfThreeMisbehavesAndNoCallIsLost sends calls, streams among them, while one backend meets random
// faults. CHAOS sets how many.
func TestChaos_OneBackendOfThreeMisbehavesAndNoCallIsLost(t *testing.T) {
	calls, err := strconv.Atoi(os.Getenv("CHAOS"))
	if err != nil {
		calls = 600
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := newChaos(t, rand.New(rand.NewPCG(seed, 0)))
	before := measure(c.client)
	cuts := c.script(calls)
	c.run(calls)
	c.check(t, cuts)
	c.end()
	before.wantBack(t, c.client)
}

// chaos is the product over three simulated backends, the last of which misbehaves.
type chaos struct {
	random   *rand.Rand
	backends []*simulator.OpenAI
	servers  []*httptest.Server
	client   *http.Client
	gateway  string
	sent     sync.Map // request id → SHA-256 of its body
	whole    atomic.Int64
	aborted  atomic.Int64
	mu       sync.Mutex
	faults   []string
}

func newChaos(t *testing.T, random *rand.Rand) *chaos {
	t.Helper()
	c := &chaos{random: random, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	var entries []string
	for _, name := range []string{"a", "b", "c"} {
		openai := simulator.New(simulator.Options{Name: name, TokenDelay: time.Millisecond})
		upstream := httptest.NewServer(openai)
		c.backends, c.servers = append(c.backends, openai), append(c.servers, upstream)
		entries = append(entries, fmt.Sprintf(`{"name":%q,"endpoint":%q,"key":"k"}`, name, upstream.URL))
	}
	c.gateway = started(t, map[string]string{
		"OPENAI_BACKENDS": "[" + strings.Join(entries, ",") + "]", "ATTEMPT_TIMEOUT": "10s", "COOLDOWN_DEFAULT": "20ms",
	})
	return c
}

// script gives the third backend its faults, among normal service, and counts those that break a begun answer.
func (c *chaos) script(calls int) (cuts int) {
	for range calls {
		step := simulator.Step{}
		if c.random.IntN(3) == 0 {
			step = c.fault()
		}
		if step.CutAfter > 0 || step.Stall > 0 {
			cuts++
		}
		c.backends[2].Script(step)
	}
	return cuts
}

func (c *chaos) fault() simulator.Step {
	wait := map[string]string{"retry-after-ms": strconv.Itoa(c.random.IntN(50))}
	event := func(code string) []string { return []string{`data: {"error":{"code":"` + code + `"}}`} }
	faults := []simulator.Step{
		{Status: 429, Header: wait}, {Status: 429}, {Status: 500}, {Status: 503, Header: wait}, {Status: 408}, {Reset: true},
		{Hang: true}, {CutAfter: 1}, {CutAfter: 6}, {CutAfter: 6, Reset: true}, {Delay: 30 * time.Millisecond},
		{Events: event("rate_limit_exceeded")}, {Events: event("server_error")}, {Early: true, Status: 503},
	}
	return faults[c.random.IntN(len(faults))]
}

func (c *chaos) run(calls int) {
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range 32 {
		workers.Go(func() {
			for i := range numbers {
				c.call(i)
			}
		})
	}
	for i := range calls {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
}

// call makes one call and checks its answer: whole, or visibly broken.
func (c *chaos) call(i int) {
	stream, size := i%3 == 0, 100
	switch {
	case i%200 == 7:
		size = 5 << 18 // more than is kept in memory
	case i%10 == 3:
		size = 100 << 10
	}
	body := fmt.Appendf(nil, `{"stream":%v,"messages":[{"role":"user","content":"%s"}]}`, stream, strings.Repeat("x", size+i%97))
	id, sum := strconv.Itoa(i), sha256.Sum256(body)
	c.sent.Store(id, hex.EncodeToString(sum[:]))
	url := fmt.Sprintf("%s/openai/deployments/gpt-%d/chat/completions?api-version=1", c.gateway, i%20)
	req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	req.Header.Set("x-ms-client-request-id", id)
	resp, err := c.client.Do(req)
	if err != nil {
		c.report("call %d: no answer: %v", i, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	switch end := map[bool]string{true: "data: [DONE]\n\n", false: "}"}[stream]; {
	case resp.StatusCode != http.StatusOK:
		c.report("call %d: %d after %s attempts: %.200s", i, resp.StatusCode, resp.Header.Get("x-aoai-attempts"), answer)
	case err != nil:
		c.aborted.Add(1)
	case !strings.HasSuffix(strings.TrimRight(string(answer), "\n"), strings.TrimRight(end, "\n")):
		c.report("call %d: a clean end after %q", i, answer[max(0, len(answer)-80):])
	default:
		c.whole.Add(1)
	}
}

func (c *chaos) report(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *chaos) check(t *testing.T, cuts int) {
	t.Helper()
	attempts := 0
	for name, b := range c.backends {
		for _, r := range b.Received() {
			attempts++
			want, _ := c.sent.Load(r.Header.Get("x-ms-client-request-id"))
			if r.Length > 0 && r.SHA256 != want {
				t.Errorf("backend %d got a body that nobody sent: %d bytes", name, r.Length)
			}
		}
	}
	t.Logf("%d answers whole, %d visibly aborted, %d attempts", c.whole.Load(), c.aborted.Load(), attempts)
	if c.aborted.Load() > int64(cuts) {
		t.Errorf("%d answers aborted for %d cuts", c.aborted.Load(), cuts)
	}
	for _, fault := range c.faults[:min(len(c.faults), 10)] {
		t.Error(fault)
	}
}

// end lets go of what only the test holds.
func (c *chaos) end() {
	for i, server := range c.servers {
		server.Close()
		c.backends[i].Forget()
	}
}

// usage is what the process holds.
type usage struct {
	goroutines int
	heap       uint64
}

func measure(client *http.Client) usage {
	client.CloseIdleConnections()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), m.HeapAlloc}
}

// wantBack waits until the process holds no more than before, but for what pools keep.
func (u usage) wantBack(t *testing.T, client *http.Client) {
	t.Helper()
	const pools = 16 << 20
	ticker, deadline := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer ticker.Stop()
	now := measure(client)
	for now.goroutines > u.goroutines || now.heap > u.heap+pools {
		select {
		case <-ticker.C:
			now = measure(client)
		case <-deadline:
			t.Errorf("more is held than before")
			return
		}
	}
	t.Logf("goroutines %d, then %d; heap %d KiB, then %d KiB", u.goroutines, now.goroutines, u.heap>>10, now.heap>>10)
}
