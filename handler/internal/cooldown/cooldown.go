// Package cooldown lets instances tell each other how long backends asked to be left alone.
package cooldown

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/rotation"
)

// ErrConflict is what Rows return when another process wrote the row first. Nothing was written.
var ErrConflict = errors.New("the row of cooldowns was changed by another process")

// End is when a backend's cooldown for a deployment is over.
type End struct {
	Until  time.Time // by the storage service's clock, in whole milliseconds
	Failed bool      // the backend failed; else it throttled
}

// Row is what instances told each other about a deployment.
type Row struct {
	Ends    map[string]End // by backend's name
	Date    time.Time      // when the row was read, by the storage service's clock in whole seconds, rounded down
	Version string         // changes with every write; empty: there is no row yet
}

// Rows holds the row of every deployment. It is called from two goroutines at once; its calls must end when ctx does.
type Rows interface {
	// Cooldowns reads a row. One that does not exist has no ends and no version.
	Cooldowns(ctx context.Context, deployment string) (Row, error)
	// SetCooldowns puts ends in place of those of a row that is still as it was read. It returns ErrConflict where another
	// process was faster.
	SetCooldowns(ctx context.Context, deployment string, read Row, ends map[string]End) error
}

const (
	// period is the mean time from one reading of a row to the next, which vary by half of it: instances that began
	// together must not go on together.
	period = 2 * time.Second
	// usedFor is for how long after its last call a deployment's row is read.
	usedFor = 30 * time.Second
	// look is how often at least it is asked which deployments are in use.
	look = time.Second

	betweenReads  = 100 * time.Millisecond
	betweenWrites = time.Second
	callTimeout   = 5 * time.Second

	// maxDeployments bounds memory where callers invent names, as it does for counter rows.
	maxDeployments = 1000
	// same is how close two ends must be to count as one: by a date in whole seconds another machine's clock is known to
	// half a second at first.
	same = 500 * time.Millisecond
	// slack is how far an end may be beyond the longest cooldown, for clocks that are not known better.
	slack = time.Second
)

// Options are what Share needs.
type Options struct {
	Rows     Rows
	Health   *backend.Health
	Backends []string      // their names, in the order of Health
	Longest  time.Duration // the longest cooldown
	Go       func(func())  // starts a goroutine whose panics go no further
	// OnOutage is called once when rows could not be read or written for a while, so that cooldowns stay with each
	// instance; OnRecovery once when they can again. They are called one at a time and in order.
	OnOutage   func(error)
	OnRecovery func()
}

// Share publishes what backends ask of this instance and applies to its health what they asked of others, until ctx
// ends. It is to be called before the health is used, does no I/O itself and, with a single backend, nothing at all:
// where else could a call go? No request ever waits for it or fails because of it.
func Share(ctx context.Context, o Options) {
	if len(o.Backends) < 2 {
		return
	}
	s := newSharing(o)
	o.Health.Share(s.asked)
	s.forever(ctx, 0, s.learn)
	s.forever(ctx, 0, s.publish)
}

// sharing is the state of Share.
type sharing struct {
	Options
	wake   chan struct{} // there may be something to publish
	outage outage

	mu          sync.Mutex // guards everything below
	deployments map[string]*deployment
	queue       []*deployment // those with something to publish, each once
	nextRead    time.Time
	clock       clock
}

func newSharing(o Options) *sharing {
	return &sharing{
		Options:     o,
		wake:        make(chan struct{}, 1),
		deployments: map[string]*deployment{},
		outage:      outage{begins: o.OnOutage, ends: o.OnRecovery},
	}
}

// deployment is what this instance knows of one deployment's row. Its slices are by backend.
type deployment struct {
	name   string
	used   time.Time       // seen in use last
	due    time.Time       // when the row is to be read next
	known  []time.Time     // ends in the row as last seen, by the storage service's clock; zero: none
	mine   []time.Time     // ends that this instance wrote or tried to write, likewise
	asked  []backend.Block // what is to be published; zero: nothing
	queued bool
}

// deployment finds a deployment or takes it in, nil where its name gets no row. s.mu is held.
func (s *sharing) deployment(name string, now time.Time) *deployment {
	if d := s.deployments[name]; d != nil {
		return d
	}
	if len(s.deployments) >= maxDeployments || !rotation.HasRow(name) {
		return nil
	}
	n := len(s.Backends)
	d := &deployment{
		name: strings.Clone(name), // it may be a part of a long path
		used: now, due: now,
		known: make([]time.Time, n), mine: make([]time.Time, n), asked: make([]backend.Block, n),
	}
	s.deployments[d.name] = d
	return d
}

// forever repeats a step, which says how long to pause after it, until ctx ends. A step that panics is not the last.
func (s *sharing) forever(ctx context.Context, pause time.Duration, step func(context.Context) time.Duration) {
	s.Go(func() {
		defer func() {
			if ctx.Err() == nil { // a panic passes here
				s.forever(ctx, spread(), step)
			}
		}()
		for sleep(ctx, pause) {
			pause = step(ctx)
		}
	})
}

// sleep reports whether the whole time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// spread is a period by chance.
func spread() time.Duration { return period/2 + rand.N(period) }

// read reads a row, not too soon after the last, and applies what is new in it.
func (s *sharing) read(ctx context.Context, d *deployment) (Row, error) {
	if !sleep(ctx, s.untilNextRead()) {
		return Row{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sent := time.Now()
	row, err := s.Rows.Cooldowns(ctx, d.name)
	if err != nil {
		return Row{}, err
	}
	for i, block := range s.news(d, row, sent) {
		s.Health.Cool(i, d.name, block.Until, block.Cause)
	}
	return row, nil
}

// untilNextRead reserves a moment to read a row at.
func (s *sharing) untilNextRead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	at := s.nextRead
	if at.Before(now) {
		at = now
	}
	s.nextRead = at.Add(betweenReads)
	return at.Sub(now)
}

// news is what a row says that it did not say before, by backend. An end is applied once: what this instance wrote it
// knows better, and one in a far future must not cool a backend again and again.
func (s *sharing) news(d *deployment, row Row, sent time.Time) map[int]backend.Block {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.clock.observe(sent, now, row.Date)
	news := map[int]backend.Block{}
	for i, name := range s.Backends {
		end := row.Ends[name]
		left := end.Until.Sub(s.clock.at(now)) // which health caps
		if left > 0 && !end.Until.Equal(d.known[i]) && !end.Until.Equal(d.mine[i]) {
			news[i] = backend.Block{Until: now.Add(left), Cause: end.cause()}
		}
		d.known[i] = end.Until
	}
	return news
}

func (e End) cause() backend.Cause {
	if e.Failed {
		return backend.Failed
	}
	return backend.Throttled
}
