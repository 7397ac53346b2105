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
	probeUntil  time.Time // while a probe is under way, at the longest; it names that probe
}

func (c *cell) open() bool { return !c.openUntil.IsZero() }

func (c *cell) ready(now time.Time) bool {
	return !now.Before(c.until) && !now.Before(c.openUntil) && !now.Before(c.probeUntil)
}

func (c *cell) block(now time.Time) Block {
	var b Block
	if now.Before(c.until) {
		b = Block{Until: c.until, Cause: c.cause}
	}
	if now.Before(c.openUntil) {
		b = later(b, Block{Until: c.openUntil, Cause: Failed, Breaker: true})
	} else if now.Before(c.probeUntil) {
		b = later(b, Block{Until: now.Add(probeWait), Cause: Failed, Breaker: true, Probing: true})
	}
	return b
}

// probe takes the one probe of a breaker whose time is over, and returns its name; none is the zero time. A probe that
// takes longer than the breaker was open makes room for another: it may hang where the backend has long recovered.
func (c *cell) probe(now time.Time) time.Time {
	if !c.open() || now.Before(c.openUntil) {
		return time.Time{}
	}
	c.probeUntil = now.Add(c.openFor)
	return c.probeUntil
}

// isProbe reports whether the probe of that name is the one under way.
func (c *cell) isProbe(name time.Time) bool { return !name.IsZero() && name.Equal(c.probeUntil) }

func (c *cell) giveBack(probe time.Time) {
	if c.isProbe(probe) {
		c.probeUntil = time.Time{}
	}
}

// out is until when nothing but time helps.
func (c *cell) out() time.Time {
	if c.openUntil.After(c.until) {
		return c.openUntil
	}
	return c.until
}

// suffer runs what an outcome does to the cell and returns for how long that puts it out; 0 where it already was for as
// long.
func (c *cell) suffer(outcome func(c *cell, now time.Time), now time.Time) time.Duration {
	before := c.out()
	outcome(c, now)
	if out := c.out(); out.After(before) {
		return out.Sub(now).Round(time.Millisecond) // what was asked for, but for the time that this took
	}
	return 0
}

// cool extends the cooldown; a shorter one never shortens it.
func (c *cell) cool(until time.Time, cause Cause) {
	if until.After(c.until) {
		c.until, c.cause = until, cause
	}
}

// fail counts a failure of an attempt that began at the given time. One that began before the last counted failure
// tells nothing new: sixteen parallel resets are one failure.
func (c *cell) fail(began, now time.Time, probe time.Time) {
	if !c.isProbe(probe) && (c.open() || (c.failures > 0 && began.Before(c.lastFailure))) {
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
func (c *cell) succeed(probe time.Time) {
	if c.open() && !c.isProbe(probe) {
		return
	}
	c.failures, c.openFor, c.openUntil, c.lastFailure = 0, 0, time.Time{}, time.Time{}
}
