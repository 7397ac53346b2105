package rotation

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// ErrConflict is what a Counter returns when another process advanced the row first. Nothing was claimed.
var ErrConflict = errors.New("the counter row was changed by another process")

// Turn is one value of a deployment's counter.
type Turn struct {
	// N decides where the rotation starts.
	N uint64
	// Local is set when this process counted by itself. Only other turns are unique in the fleet.
	Local bool
}

// String is how logs show the turn: "1234", or "local:1234".
func (t Turn) String() string {
	n := strconv.FormatUint(t.N, 10)
	if t.Local {
		return "local:" + n
	}
	return n
}

// Claim asks for the next turns of a deployment.
type Claim struct {
	Deployment string
	// Count is how many turns, at least 1.
	Count uint64
	// Start is the first turn where the deployment has no row yet.
	Start uint64
}

// Counter holds the row of every deployment. It is called from several goroutines at once.
type Counter interface {
	// Claim advances the deployment's row by c.Count in one compare-and-swap and returns the first turn claimed. It
	// returns ErrConflict, and has claimed nothing, when another process was faster. It must end when ctx does.
	Claim(ctx context.Context, c Claim) (first uint64, err error)
}

// Options are what NewTurns needs.
type Options struct {
	Counter Counter
	// Cycle is the length of the rotation's weighted cycle. New rows start at a multiple of it; 0 means 1.
	Cycle uint64
	// Go starts a goroutine that recovers panics. Without it a panic of the Counter is recovered and reported to OnOutage.
	Go func(func())
	// OnOutage is called once when turns become local because storage failed or is silent, OnRecovery once when claims
	// work again. They cover all deployments together, are called one at a time and in order, on any goroutine that takes
	// a turn, so they should be quick. Losing to other processes is no outage.
	OnOutage   func(error)
	OnRecovery func()
}

// Turns hands out turns. It claims them ahead of demand, so that a process in use waits for storage only when its
// traffic grows suddenly. All its methods are safe for concurrent use.
type Turns struct {
	o Options

	mu        sync.Mutex // guards everything below
	lines     map[string]*line
	fullUntil time.Time // until then no line has been unused for long enough to be replaced
	shared    line      // of names that get no row
	stats     Stats
	outage    outage
}

// Stats says what Turns did since it was made.
type Stats struct {
	TableTurns uint64 // turns handed out that are unique in the fleet
	LocalTurns uint64 // turns that this process counted by itself
	Claims     uint64 // claims that brought turns
	Conflicts  uint64 // times another process was faster
	Failures   uint64 // claims that ended in an error
	Lines      int    // deployments with a row of their own, as far as this process knows
	Outage     bool   // turns are local because storage fails or is silent
}

// NewTurns returns Turns that claim from o.Counter. It does no I/O.
func NewTurns(o Options) *Turns {
	o.Cycle = max(o.Cycle, 1)
	if o.Go == nil {
		o.Go = goRecovering
	}
	if o.OnOutage == nil {
		o.OnOutage = func(error) {}
	}
	if o.OnRecovery == nil {
		o.OnRecovery = func() {}
	}
	return &Turns{
		o:      o,
		lines:  map[string]*line{},
		shared: line{rowless: true, local: randomStart()},
	}
}

// goRecovering drops a panic. The claim that it ends has released its waiters and reported the outage by then.
func goRecovering(f func()) {
	go func() {
		defer func() { _ = recover() }()
		f()
	}()
}

// randomStart keeps the local turns of many processes from starting at the same backend. It is small enough to read.
func randomStart() uint64 { return rand.Uint64N(1 << 32) }

// Stats returns the figures so far.
func (t *Turns) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	s.Lines = len(t.lines)
	s.Outage = t.outage.cause != nil
	return s
}

// Take returns the deployment's next turn. It never fails: it returns at once when a turn is in stock, and otherwise
// waits until a claim brings one, but only until the claim has been out for 250 ms or ctx ends. Then, and while
// storage is known to fail, the turn is local.
func (t *Turns) Take(ctx context.Context, deployment string) Turn {
	now := time.Now()
	t.mu.Lock()
	l := t.lineOf(deployment, now)
	l.used = now
	l.demand.taken++
	if n, ok := l.stock.pop(); ok {
		t.stats.TableTurns++
		if l.stock.left() <= l.brought/2 {
			t.startClaim(l, now)
		}
		t.mu.Unlock()
		return Turn{N: n}
	}
	if !l.rowless {
		t.startClaim(l, now)
		l.late = l.brought > 0
	}
	if l.rowless || l.failure != nil || l.overdue(now) {
		return t.unlockLocal(l, now)
	}
	w := l.enqueue()
	left := patience - now.Sub(l.claimAt)
	t.mu.Unlock()
	return t.wait(ctx, l, w, left)
}

// wait returns what a claim brings to w, or a local turn when the time left or ctx ends first.
func (t *Turns) wait(ctx context.Context, l *line, w *waiter, left time.Duration) Turn {
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case turn := <-w.turn:
		return turn
	case <-timer.C:
	case <-ctx.Done():
	}
	t.mu.Lock()
	select {
	case turn := <-w.turn: // it came in the meantime
		t.mu.Unlock()
		return turn
	default:
	}
	l.leave(w)
	return t.unlockLocal(l, time.Now())
}

// unlockLocal ends a Take with a local turn. t.mu is held, and released here: the announcement that it may lead to is
// made without it.
func (t *Turns) unlockLocal(l *line, now time.Time) Turn {
	turn := t.localTurn(l, now)
	t.mu.Unlock()
	t.announce()
	return turn
}

// localTurn counts on in this process. t.mu is held.
func (t *Turns) localTurn(l *line, now time.Time) Turn {
	l.local++
	t.stats.LocalTurns++
	if err := l.trouble(now); err != nil {
		t.outage.cause = err
	}
	return Turn{N: l.local, Local: true}
}
