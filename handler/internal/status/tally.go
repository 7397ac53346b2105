package status

import (
	"sync/atomic"
	"time"
)

// What a tally counts of a backend's attempts.
const (
	attempts = iota
	served
	throttled
	failed
	refused
	missing
	movedOn
	inputTokens
	outputTokens
	counters // how many there are
)

// What a tally counts of answers that callers got. A tally counts either answers or attempts.
const (
	answersOK = iota
	answersRejected
	answersThrottled
	answersFailed
	answersLeft
	failovers
)

// counts is a tally's counters at a moment, or how far they came from one moment to another.
type counts [counters]uint64

// tally counts what happened since the start. Requests add to it; nothing of it is locked.
type tally struct {
	counts    [counters]atomic.Uint64
	durations [buckets]atomic.Uint32 // wrap around after four billion, which differences do not mind
	headroom  headroom
}

func (t *tally) add(counter int, n uint64) { t.counts[counter].Add(n) }

func (t *tally) took(d time.Duration) { t.durations[bucketOf(d)].Add(1) }

func (t *tally) now() counts {
	var c counts
	for i := range c {
		c[i] = t.counts[i].Load()
	}
	return c
}

func (c counts) minus(before counts) counts {
	for i := range c {
		c[i] -= before[i]
	}
	return c
}

func (c *counts) plus(more counts) {
	for i := range c {
		c[i] += more[i]
	}
}

func (d *distribution) plus(more *distribution) {
	for i := range d {
		d[i] += more[i]
	}
}
