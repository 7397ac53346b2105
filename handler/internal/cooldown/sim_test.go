package cooldown_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/cooldown"
)

const (
	a, b, c = 0, 1, 2
	longest = 2 * time.Minute
	// latency is what a storage call takes.
	latency = 20 * time.Millisecond
	// rowPeriod is the longest time from one reading of a row to the next.
	rowPeriod = 3 * time.Second
)

func names() []string { return []string{"a", "b", "c"} }

var errDown = errors.New("storage is down")

// table simulates the rows of all deployments, on a clock that is the bubble's own.
type table struct {
	mu     sync.Mutex
	rows   map[string]cooldown.Row
	down   bool // calls fail …
	hangs  bool // … or take as long as they may
	denied bool // writes fail
	loses  bool // writes are done and their answers lost
	panics bool
	reads  []access
	writes []access // those that were tried
}

// access is one call.
type access struct {
	deployment string
	at         time.Time
}

func newTable() *table { return &table{rows: map[string]cooldown.Row{}} }

// seen is the table as an instance sees it whose clock is behind by what the table is ahead. Since all clocks of a bubble are
// one, it is the table's dates and ends that are shifted, for this instance alone.
type seen struct {
	*table
	ahead time.Duration
}

func (s seen) Cooldowns(ctx context.Context, deployment string) (cooldown.Row, error) {
	if err := s.call(ctx, &s.reads, deployment); err != nil {
		return cooldown.Row{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.rows[deployment]
	row.Ends = shifted(row.Ends, s.ahead)
	row.Date = time.Now().Add(s.ahead).UTC().Truncate(time.Second)
	return row, nil
}

func (s seen) SetCooldowns(ctx context.Context, deployment string, read cooldown.Row, ends map[string]cooldown.End) error {
	if err := s.call(ctx, &s.writes, deployment); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.rows[deployment]
	switch {
	case s.denied:
		return errDown
	case row.Version != read.Version:
		return fmt.Errorf("wrapped: %w", cooldown.ErrConflict)
	}
	version, _ := strconv.Atoi(row.Version)
	s.rows[deployment] = cooldown.Row{Ends: shifted(ends, -s.ahead), Version: strconv.Itoa(version + 1)}
	if s.loses {
		return errDown
	}
	return nil
}

func shifted(ends map[string]cooldown.End, by time.Duration) map[string]cooldown.End {
	ends = maps.Clone(ends)
	for name, end := range ends {
		end.Until = end.Until.Add(by)
		ends[name] = end
	}
	return ends
}

// call notes one and takes its time.
func (t *table) call(ctx context.Context, list *[]access, deployment string) error {
	t.mu.Lock()
	*list = append(*list, access{deployment, time.Now()})
	down, hangs, panics := t.down, t.hangs, t.panics
	t.mu.Unlock()
	if panics {
		panic("the table is broken")
	}
	answered := time.After(latency)
	if hangs {
		answered = nil
	}
	select {
	case <-answered:
	case <-ctx.Done():
		return ctx.Err()
	}
	if down {
		return errDown
	}
	return nil
}

// set changes how the table behaves.
func (t *table) set(change func(*table)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// put writes ends as if another process had, at a distance from now.
func (t *table) put(deployment string, ends map[string]cooldown.End) {
	t.mu.Lock()
	defer t.mu.Unlock()
	version, _ := strconv.Atoi(t.rows[deployment].Version)
	t.rows[deployment] = cooldown.Row{Ends: maps.Clone(ends), Version: strconv.Itoa(version + 1)}
}

func ahead(d time.Duration) cooldown.End {
	return cooldown.End{Until: time.Now().Add(d).UTC().Truncate(time.Millisecond)}
}

// ends are those of a row.
func (t *table) ends(deployment string) map[string]cooldown.End {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows[deployment].Ends)
}

// calls counts reads and writes so far.
func (t *table) calls() (reads, writes []access) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]access(nil), t.reads...), append([]access(nil), t.writes...)
}

// instance is a process of the product, as far as cooldowns go.
type instance struct {
	*backend.Health
	mu         sync.Mutex
	outages    []error
	recoveries int
	panics     int
}

func (i *instance) news() (outages []error, recoveries int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]error(nil), i.outages...), i.recoveries
}

// start makes an instance that shares through rows until ctx ends.
func start(ctx context.Context, rows cooldown.Rows, backends []string) *instance {
	i := &instance{Health: backend.NewHealth(len(backends), 10*time.Second, longest)}
	cooldown.Share(ctx, cooldown.Options{
		Rows: rows, Health: i.Health, Backends: backends, Longest: longest, Go: i.recovering,
		OnOutage: func(err error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.outages = append(i.outages, err)
		},
		OnRecovery: func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.recoveries++
		},
	})
	return i
}

func (i *instance) recovering(f func()) {
	go func() {
		defer func() {
			if recover() != nil {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.panics++
			}
		}()
		f()
	}()
}

// inBubble runs a test in virtual time with a table. Its instances end with the context.
func inBubble(t *testing.T, test func(ctx context.Context, t *testing.T, rows *table)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		test(ctx, t, newTable())
	})
}

// attempt is a call of a deployment at a backend that is ready.
func (i *instance) attempt(t *testing.T, which int, deployment string) *backend.Attempt {
	t.Helper()
	attempt, ok := i.Begin(which, deployment)
	if !ok {
		t.Fatalf("backend %d is not ready for %q", which, deployment)
	}
	return attempt
}

// serve is a call that backend b answers.
func (i *instance) serve(t *testing.T, deployment string) {
	t.Helper()
	i.attempt(t, b, deployment).Succeeded()
}

// throttled is a call that backend a answers with 429 and a wait.
func (i *instance) throttled(t *testing.T, deployment string, wait time.Duration) {
	t.Helper()
	i.attempt(t, a, deployment).Throttled(wait)
}

// after waits until something holds, looking every 10 ms, and says how long that took.
func after(t *testing.T, limit time.Duration, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v", limit)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
	return time.Since(began)
}

// left is for how long a backend is skipped, and why.
func (i *instance) left(which int, deployment string) (time.Duration, backend.Cause) {
	block := i.Blocks(deployment)[which]
	if block.Cause == backend.None {
		return 0, backend.None
	}
	return time.Until(block.Until), block.Cause
}
