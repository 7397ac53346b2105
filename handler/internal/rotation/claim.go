package rotation

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// The figures below come from the simulations in sim_test.go: storage of 5 to 30 ms a call, one row for a whole fleet.
const (
	// A line's claims cover between minStretch and maxStretch of its demand. A conflict doubles the stretch and a claim
	// at the first try shrinks it by a fifth, so that about one claim in four meets a conflict whatever the size of the
	// fleet: 100 instances of 8 calls/s settle at some ten row operations a second. A fixed second would need a thousand.
	// A minute's worth is what an instance may waste when it ends; much more would gain nothing.
	minStretch = time.Second
	maxStretch = time.Minute
	// stretchALine is what each line of a process adds to that minimum, so that a process makes some 40 claims a second at
	// the most, however many deployments it serves: without it a call cost two and a half times as much at 100 deployments
	// as at one. Unused turns are skipped, which shifts shares by a cycle at the most, however many they are.
	stretchALine = 50 * time.Millisecond
	// minAhead keeps two simultaneous calls of a slow caller from waiting. With 1, instances of a call every 10 s had
	// 0.7 % of their calls wait for storage and made twice the row operations; with 2, 0.02 %.
	minAhead = 2
	// maxClaim bounds what one wrong estimate can use up.
	maxClaim = 100_000

	// callTimeout is for one call of the Counter. Requests have given up long before.
	callTimeout = 5 * time.Second
	// The time between tries of one claim: full jitter under a limit that doubles from minBackoff to maxBackoff. Starting
	// at 20 or 40 ms saves fewer than one operation in ten and makes more requests of a new instance wait in vain.
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
	// maxTries ends a claim that only ever meets conflicts, after 7 s on average. The next request begins another.
	maxTries = 20
	// retryAfter is the mean time from a failure to the next claim.
	retryAfter = time.Second
)

var errPanicked = errors.New("the storage of turns panicked")

// startClaim lets a goroutine claim turns for l, unless one does already or storage has just failed. t.mu is held.
func (t *Turns) startClaim(l *line, now time.Time) {
	if l.claiming || now.Before(l.retryAt) {
		return
	}
	l.claiming = true
	l.claimAt = now
	t.o.Go(func() { t.claim(l) })
}

// claim brings turns until nobody waits in l, or gives up.
func (t *Turns) claim(l *line) {
	err := errPanicked // a panic passes through here
	defer func() {
		if err != nil {
			t.failed(l, err)
		}
	}()
	for again := true; again; {
		again, err = t.claimOnce(l)
	}
}

// claimOnce makes one claim, which is one try or more, and reports whether requests still wait.
func (t *Turns) claimOnce(l *line) (again bool, err error) {
	for tries := 0; ; tries++ {
		c := t.begin(l)
		first, err := t.call(c)
		if err == nil {
			return t.arrived(l, span{first, first + c.Count}, tries), nil
		}
		if !errors.Is(err, ErrConflict) {
			return false, err
		}
		t.conflicted(l)
		if tries == maxTries {
			return false, err
		}
		time.Sleep(rand.N(min(minBackoff<<tries, maxBackoff)))
	}
}

func (t *Turns) call(c Claim) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return t.o.Counter.Claim(ctx, c)
}

// begin decides what to claim. Each try decides anew, for more requests may wait by then.
func (t *Turns) begin(l *line) Claim {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	l.callAt = now
	count := l.waiting
	rate := l.demand.rate(now)
	if l.warm {
		count += max(minAhead, uint64(rate*l.stretch.Seconds()))
	}
	start := uint64(now.UnixMicro())
	return Claim{
		Deployment: l.name,
		// One turn where all who waited have left: they began this claim, and what it tells of storage is of use.
		Count: min(max(count, 1), maxClaim),
		Start: start - start%t.o.Cycle,
	}
}

// arrived hands out what a claim brought at its try number tries, and reports whether requests still wait.
func (t *Turns) arrived(l *line, s span, tries int) (again bool) {
	defer t.announce()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Claims++
	l.failure, l.retryAt, l.callAt = nil, time.Time{}, time.Time{}
	l.adapt(tries == 0, t.leastStretch())
	before := l.stock.left()
	l.stock.add(s)
	for w := l.nextWaiter(); w != nil; w = l.nextWaiter() {
		n, _ := l.stock.pop()
		w.turn <- Turn{N: n}
		t.stats.TableTurns++
		if l.stock.left() == 0 {
			break
		}
	}
	l.brought = l.stock.left() - min(before, l.stock.left())
	l.warm = true
	l.late = false
	l.claiming = l.waiting > 0
	l.claimAt = time.Now()
	t.endOutage(l.claimAt)
	return l.claiming
}

// adapt sets how much demand the next claim covers, before what this one brought is in stock. Besides conflicts, a stock
// that ran out while the claim was out is a reason to take more: storage is slow or the traffic grows. There is none to
// take less where little was left of it, or slow storage would run it out again and again.
func (l *line) adapt(firstTry bool, least time.Duration) {
	switch {
	case l.late:
		l.stretch = min(2*l.stretch, maxStretch)
	case firstTry && l.stock.left() >= l.brought/3:
		l.stretch -= l.stretch / 5
	}
	l.stretch = max(l.stretch, least)
}

// leastStretch grows with the number of lines. t.mu is held.
func (t *Turns) leastStretch() time.Duration {
	return min(max(minStretch, time.Duration(len(t.lines))*stretchALine), maxStretch)
}

func (t *Turns) conflicted(l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Conflicts++
	l.callAt = time.Time{}
	l.stretch = min(2*l.stretch, maxStretch)
}

// failed ends a claim that brought nothing. Whoever waits for it goes on with a local turn.
func (t *Turns) failed(l *line, err error) {
	defer t.announce()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.stats.Failures++
	l.claiming, l.callAt = false, time.Time{}
	l.failure, l.failedAt = err, now
	l.retryAt = now.Add(retryAfter/2 + rand.N(retryAfter))
	for w := l.nextWaiter(); w != nil; w = l.nextWaiter() {
		w.turn <- t.localTurn(l, now)
	}
}
