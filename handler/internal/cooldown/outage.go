package cooldown

import (
	"context"
	"sync"
	"time"
)

// grace is for how long rows must fail before it is said. A single failure costs nobody anything.
const grace = 5 * time.Second

type operation int

const (
	reading operation = iota
	writing
)

// outage is whether rows cannot be read or written, and whether that was said.
type outage struct {
	begins func(error)
	ends   func()

	mu      sync.Mutex   // guards everything below, and is held while it is said
	failing [2]time.Time // since when, by operation; zero: it works
	said    bool
}

// report takes in how an operation ended and reports whether it failed. What ctx ended did not.
func (s *sharing) report(ctx context.Context, what operation, err error) (failed bool) {
	if err != nil && ctx.Err() != nil {
		return true
	}
	s.outage.report(what, err)
	return err != nil
}

func (o *outage) report(what operation, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	since := &o.failing[what]
	switch {
	case err != nil && since.IsZero():
		*since = now
	case err == nil && what == reading && !since.IsZero():
		o.failing = [2]time.Time{} // what failed to be written meanwhile failed for the same reason
	case err == nil:
		*since = time.Time{}
	}
	switch {
	case !o.said && err != nil && now.Sub(*since) >= grace:
		o.said = true
		o.begins(err)
	case o.said && o.failing == [2]time.Time{}:
		o.said = false
		o.ends()
	}
}
