package backend

import "time"

// cell is the health of a backend, or of one deployment on it: a cooldown, and a breaker that opens after three
// failures in a row and then lets one probe at a time through. The zero value is healthy.
type cell struct {
	until time.Time // end of the cooldown
	cause Cause

	failures    int       // in a row
	lastFailure time.Time // when the last counted one was seen
	openFor     time.Duration
	openUntil   time.Time // zero: closed
	probing     bool
}

func (c *cell) open() bool { return !c.openUntil.IsZero() }

func (c *cell) ready(now time.Time) bool {
	return !now.Before(c.until) && !now.Before(c.openUntil) && !c.probing
}

func (c *cell) block(now time.Time) Block {
	var b Block
	if now.Before(c.until) {
		b = Block{c.until, c.cause}
	}
	if now.Before(c.openUntil) {
		b = later(b, Block{c.openUntil, Failed})
	} else if c.probing {
		b = later(b, Block{now.Add(probeWait), Failed})
	}
	return b
}

// probe takes the one probe of a breaker whose time is over.
func (c *cell) probe(now time.Time) bool {
	if !c.open() || now.Before(c.openUntil) {
		return false
	}
	c.probing = true
	return true
}

// cool extends the cooldown; a shorter one never shortens it.
func (c *cell) cool(until time.Time, cause Cause) {
	if until.After(c.until) {
		c.until, c.cause = until, cause
	}
}

// fail counts a failure of an attempt that began at the given time. One that began before the last counted failure
// tells nothing new: sixteen parallel resets are one failure.
func (c *cell) fail(began, now time.Time, probe bool) {
	if !probe && (c.open() || (c.failures > 0 && began.Before(c.lastFailure))) {
		return
	}
	c.failures++
	c.lastFailure = now
	if c.failures < failuresToOpen {
		return
	}
	c.openFor = min(max(2*c.openFor, openFirst), openLongest)
	c.openUntil = now.Add(c.openFor)
}

// succeed clears the streak. While the breaker is open only its probe closes it: a late answer to an older request
// says nothing about now.
func (c *cell) succeed(probe bool) {
	if c.open() && !probe {
		return
	}
	c.failures, c.openFor, c.openUntil, c.lastFailure = 0, 0, time.Time{}, time.Time{}
}
