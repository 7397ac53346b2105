package rotation

import "time"

// outageMemory is how long a line's failure keeps the outage of all lines going: longer than the time to its next try,
// so that one row that cannot be read does not end and begin an outage with every other row's claim.
const outageMemory = 3 * time.Second

// outage is whether storage fails, over all lines, and how far that has been told. Turns.mu guards it.
type outage struct {
	cause      error // nil: none
	announced  bool
	announcing bool
}

// endOutage ends the outage after a successful claim, unless another line is still in trouble. t.mu is held.
func (t *Turns) endOutage(now time.Time) {
	if t.outage.cause == nil {
		return
	}
	for _, l := range t.lines {
		if err := l.trouble(now); err != nil && (l.failure == nil || now.Sub(l.failedAt) < outageMemory) {
			return
		}
	}
	t.outage.cause = nil
}

// announce tells of the outage's begin and end, in order and without the lock. One goroutine at a time tells; what
// changes meanwhile, it tells too.
func (t *Turns) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &t.outage
	if o.announcing {
		return
	}
	o.announcing = true
	defer func() { o.announcing = false }()
	for o.announced != (o.cause != nil) {
		o.announced = !o.announced
		t.tell(o.cause)
	}
}

// tell calls back without the lock, and has it again even if the callback panics.
func (t *Turns) tell(cause error) {
	t.mu.Unlock()
	defer t.mu.Lock()
	if cause != nil {
		t.o.OnOutage(cause)
		return
	}
	t.o.OnRecovery()
}
