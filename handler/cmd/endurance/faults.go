package main

import (
	"context"
	"crypto/rand"
	"math"
	random "math/rand/v2"
	"strconv"
	"sync"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

const (
	faultEvery = 200 * time.Millisecond // on average
	// keysEvery leaves each backend alone for longer than a refused key is not read again, which is 30 s.
	keysEvery   = 35 * time.Second
	storageUp   = 20 * time.Second
	storageDown = 4 * time.Second
)

// faults counts what was done to the handlers. It is safe for concurrent use.
type faults struct {
	mu     sync.Mutex
	counts map[string]int
}

func (f *faults) count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = map[string]int{}
	}
	f.counts[what]++
}

// disturb lets a call at a backend meet a fault, now and then, until ctx ends.
func (f *faults) disturb(ctx context.Context, backends []*stack.Backend) {
	for wait(ctx, random.N(2*faultEvery)) {
		name, step := oneFault()
		backends[random.IntN(len(backends))].Script(step)
		f.count(name)
	}
}

func oneFault() (string, simulator.Step) {
	header := func(name string, value int) map[string]string { return map[string]string{name: strconv.Itoa(value)} }
	event := func(code string) []string { return []string{`data: {"error":{"code":"` + code + `"}}`} }
	all := []struct {
		name string
		step simulator.Step
	}{
		{"429", simulator.Step{Status: 429, Header: header("retry-after-ms", 50+random.IntN(500))}},
		{"429", simulator.Step{Status: 429, Header: header("Retry-After", 1)}},
		{"503", simulator.Step{Status: 503}},
		{"503", simulator.Step{Status: 503, Header: header("Retry-After", 1)}},
		{"503", simulator.Step{Status: 503, Early: true}},
		{"500", simulator.Step{Status: 500}},
		{"408", simulator.Step{Status: 408}},
		{"reset", simulator.Step{Reset: true}},
		{"cut in the answer", simulator.Step{CutAfter: 3}},
		{"cut in the answer", simulator.Step{CutAfter: -1}},
		{"reset in the answer", simulator.Step{CutAfter: 6, Reset: true}},
		{"silence in the answer", simulator.Step{Stall: 4}},
		{"no answer", simulator.Step{Hang: true}},
		{"slow", simulator.Step{Delay: time.Second}},
		{"slow", simulator.Step{EventDelay: 100 * time.Millisecond}},
		// For a deployment: the handler's own question for a thing is never answered by a stream.
		{"error as first event", simulator.Step{Deployment: "gpt-1", Events: event("rate_limit_exceeded")}},
		{"error as first event", simulator.Step{Deployment: "gpt-2", Events: event("server_error")}},
	}
	chosen := all[random.IntN(len(all))]
	return chosen.name, chosen.step
}

// rotateKeys replaces one backend's key after another, in the vault and then at the backend.
func (p *parts) rotateKeys(ctx context.Context, length time.Duration) {
	for i := 0; wait(ctx, min(keysEvery, length/3)); i++ {
		b, key := p.backends[i%len(p.backends)], rand.Text()
		p.vault.SetSecret(b.Name, key)
		b.SetKeys(key)
		p.faults.count("key rotated")
	}
}

// loseStorage kills storage and starts it again, without its rows, until ctx ends. It leaves it running.
func (p *parts) loseStorage(ctx context.Context, length time.Duration) error {
	up, down := scaled(storageUp, length), scaled(storageDown, length)
	for wait(ctx, up/2+random.N(up)) {
		p.storage.Kill()
		p.faults.count("storage lost")
		wait(ctx, down/2+random.N(down))
		if err := p.storage.Restart(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// scaled is shorter where the run is.
func scaled(d, length time.Duration) time.Duration {
	return time.Duration(float64(d) * math.Min(1, length.Minutes()))
}
