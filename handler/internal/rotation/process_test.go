package rotation_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

// process is one process: its turns, and what it said about storage.
type process struct {
	*rotation.Turns
	mu         sync.Mutex
	outages    []error
	recoveries int
}

// newProcess must be called inside a synctest bubble, which then ends after the claims that are out.
func newProcess(t *testing.T, c rotation.Counter) *process {
	var claims sync.WaitGroup
	t.Cleanup(claims.Wait)
	p := &process{}
	p.Turns = rotation.NewTurns(rotation.Options{
		Counter: c,
		Cycle:   2,
		Go:      claims.Go,
		OnOutage: func(err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.outages = append(p.outages, err)
		},
		OnRecovery: func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.recoveries++
		},
	})
	return p
}

func (p *process) wantNews(t *testing.T, outages, recoveries int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.outages) != outages || p.recoveries != recoveries {
		t.Errorf("outages %v and %d recoveries, want %d and %d", p.outages, p.recoveries, outages, recoveries)
	}
}

// take returns a turn of deployment "chat" and how long it took.
func (p *process) take(ctx context.Context) (rotation.Turn, time.Duration) {
	began := time.Now()
	turn := p.Take(ctx, "chat")
	return turn, time.Since(began)
}

// run takes a turn every interval for so long and returns how many were local and the longest wait.
func (p *process) run(t *testing.T, every, length time.Duration) (local int, longest time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(every) {
		wg.Go(func() {
			turn, wait := p.take(t.Context())
			mu.Lock()
			defer mu.Unlock()
			if turn.Local {
				local++
			}
			longest = max(longest, wait)
		})
	}
	wg.Wait()
	return local, longest
}

// rows is one row a deployment.
type rows map[string]*row

func (r rows) Claim(ctx context.Context, c rotation.Claim) (uint64, error) {
	return r[c.Deployment].Claim(ctx, c)
}

type panicking struct{}

func (panicking) Claim(context.Context, rotation.Claim) (uint64, error) { panic("a bug") }

// fast is a counter without a wait or an end.
type fast struct {
	mu   sync.Mutex
	next uint64
	most uint64
}

func (f *fast) Claim(_ context.Context, c rotation.Claim) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next += c.Count
	f.most = max(f.most, c.Count)
	return f.next - c.Count, nil
}
