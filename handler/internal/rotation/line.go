package rotation

import (
	"errors"
	"math"
	"strings"
	"time"
)

const (
	// maxLines bounds memory and rows where callers invent names. No account has as many deployments.
	maxLines = 1000
	// lineIdle is how long a line must be unused to make room for another name.
	lineIdle = 10 * time.Minute
	// maxName is the longest name Azure gives a deployment.
	maxName = 64

	// patience is how long a claim may be out before requests stop waiting for it: well above the 5 to 30 ms that a claim
	// takes, well below what a caller notices beside a model's answer.
	patience = 250 * time.Millisecond
	// silent is when one storage call counts as an outage. It is below patience so that the request whose patience ends,
	// which began to wait just before the call was made, finds it so.
	silent = 200 * time.Millisecond
)

// errSilent is the outage's cause while no error is known yet.
var errSilent = errors.New("the storage of turns does not answer")

// line is what the requests of one deployment wait in. Turns.mu guards it.
type line struct {
	name    string
	rowless bool // no row: every turn is local
	local   uint64
	used    time.Time

	stock   stock
	brought uint64 // what the last claim added to the stock
	late    bool   // the stock did not last until the claim that is out
	waiters []*waiter
	waiting uint64 // waiters that have not left

	claiming bool
	claimAt  time.Time // when the claim that is out began
	callAt   time.Time // when its present storage call began; zero between calls
	warm     bool      // a claim has brought turns before
	demand   demand
	stretch  time.Duration // how much demand a claim covers ahead

	failure  error // why the last claim brought nothing
	failedAt time.Time
	retryAt  time.Time
}

// waiter is a request that waits for a turn.
type waiter struct {
	turn chan Turn // holds one
	left bool
}

// lineOf finds the deployment's line or makes one. Names that get no row share one line. t.mu is held.
func (t *Turns) lineOf(deployment string, now time.Time) *line {
	if l := t.lines[deployment]; l != nil {
		return l
	}
	if !HasRow(deployment) || !t.makeRoom(now) {
		return &t.shared
	}
	// The name may be a part of a long path: a copy lets go of that.
	l := &line{name: strings.Clone(deployment), local: randomStart(), stretch: minStretch}
	l.demand.since = now
	t.lines[l.name] = l
	return l
}

// HasRow reports whether a deployment of this name has rows of its own: an Azure deployment can have the name, or it is
// that of calls which name none.
func HasRow(deployment string) bool {
	if deployment == "*" {
		return true
	}
	if deployment == "" || len(deployment) > maxName {
		return false
	}
	for _, c := range []byte(deployment) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// makeRoom drops the line that was unused for longest if there are too many, and reports whether one more may be made.
// It looks through them only when one can have become old enough, so hostile names do not make it work.
func (t *Turns) makeRoom(now time.Time) bool {
	if len(t.lines) < maxLines {
		return true
	}
	if now.Before(t.fullUntil) {
		return false
	}
	var oldest *line
	for _, l := range t.lines {
		if oldest == nil || l.used.Before(oldest.used) {
			oldest = l
		}
	}
	t.fullUntil = oldest.used.Add(lineIdle)
	if now.Before(t.fullUntil) {
		return false
	}
	delete(t.lines, oldest.name)
	return true
}

func (l *line) enqueue() *waiter {
	w := &waiter{turn: make(chan Turn, 1)}
	l.waiters = append(l.waiters, w)
	l.waiting++
	return w
}

// leave takes w out of the count. It stays in the queue, which ends with the claim, and what was claimed for it is for
// the next.
func (l *line) leave(w *waiter) {
	w.left = true
	l.waiting--
}

// nextWaiter takes the first waiter that has not left out of the queue, nil if there is none.
func (l *line) nextWaiter() *waiter {
	for len(l.waiters) > 0 {
		w := l.waiters[0]
		l.waiters[0] = nil
		l.waiters = l.waiters[1:]
		if !w.left {
			l.waiting--
			return w
		}
	}
	l.waiters = nil
	return nil
}

// overdue reports whether the claim that is out keeps requests waiting for too long, for whatever reason.
func (l *line) overdue(now time.Time) bool {
	return l.claiming && now.Sub(l.claimAt) >= patience
}

// trouble is what storage does wrong, nil if it works as far as is known.
func (l *line) trouble(now time.Time) error {
	if l.failure != nil && !errors.Is(l.failure, ErrConflict) {
		return l.failure
	}
	if !l.callAt.IsZero() && now.Sub(l.callAt) >= silent {
		return errSilent
	}
	return nil
}

// stock is the turns claimed and not yet taken, in order of claiming: the rest of one claim and the one behind it. More
// than two cannot be: a claim is out only when nothing of an earlier one than the last is left.
type stock struct {
	first, second span
}

// span is the turns from next up to but without end.
type span struct{ next, end uint64 }

func (s *stock) left() uint64 {
	return s.first.end - s.first.next + s.second.end - s.second.next
}

func (s *stock) add(b span) {
	if s.first.next == s.first.end {
		s.first, s.second = s.second, span{}
	}
	if s.first.next == s.first.end {
		s.first = b
		return
	}
	s.second = b
}

func (s *stock) pop() (n uint64, ok bool) {
	if s.first.next == s.first.end {
		s.first, s.second = s.second, span{}
	}
	if s.first.next == s.first.end {
		return 0, false
	}
	s.first.next++
	return s.first.next - 1, true
}

// demandMemory is the time constant of the demand estimate: long enough to see callers that come every few seconds,
// short enough to follow traffic that grows within the stock's lifetime.
const demandMemory = 10 * time.Second

// demand estimates how many turns a second a line's requests take: an average over time whose weight falls by e in every
// demandMemory. It is brought up to date only when a claim needs it, so taking a turn costs one addition.
type demand struct {
	taken uint64    // since since
	since time.Time // last update
	sum   float64   // turns, each weighted by its age
	span  float64   // seconds, weighted likewise
}

func (d *demand) rate(now time.Time) float64 {
	elapsed := now.Sub(d.since).Seconds()
	memory := demandMemory.Seconds()
	keep := math.Exp(-elapsed / memory)
	// Turns of the interval are taken as spread evenly over it: they weigh less the longer it was.
	fresh := 1.0
	if elapsed > 0 {
		fresh = memory * (1 - keep) / elapsed
	}
	d.sum = d.sum*keep + float64(d.taken)*fresh
	d.span = d.span*keep + memory*(1-keep)
	d.taken, d.since = 0, now
	// A burst in a line's first moments is no rate yet: look at no less than a second.
	return d.sum / max(d.span, 1)
}
