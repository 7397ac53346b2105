package cooldown

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// asked takes note of what backend i asked for. It is called by requests and does not block.
func (s *sharing) asked(i int, name string, until time.Time, cause backend.Cause) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.deployment(name, time.Now()); d != nil {
		s.ask(d, i, backend.Block{Until: until, Cause: cause})
	}
}

// ask queues an end for publishing; of several for one backend the latest remains. s.mu is held.
func (s *sharing) ask(d *deployment, i int, block backend.Block) {
	if !block.Until.After(d.asked[i].Until) {
		return
	}
	d.asked[i] = block
	if d.queued {
		return
	}
	d.queued = true
	s.queue = append(s.queue, d)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// isThere reports whether the row says so already, as far as this instance knows. s.mu is held.
func (s *sharing) isThere(d *deployment, i int, until, now time.Time) bool {
	known := d.known[i]
	return !known.IsZero() && !s.clock.at(until).After(known.Add(same)) && s.plausible(known, now)
}

// plausible reports whether an instance can have written this end. s.mu is held.
func (s *sharing) plausible(end, now time.Time) bool {
	return !end.After(s.clock.at(now).Add(s.Longest + slack))
}

// publish writes what is queued for one deployment, and waits where nothing is.
func (s *sharing) publish(ctx context.Context) time.Duration {
	d, asked := s.take()
	if d == nil {
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
		return 0
	}
	row, err := s.read(ctx, d)
	if s.report(ctx, reading, err) {
		s.putBack(d, asked)
		return spread()
	}
	ends := s.merge(d, row, asked)
	if ends == nil {
		return 0
	}
	err = s.set(ctx, d, row, ends)
	switch {
	case errors.Is(err, ErrConflict):
		s.putBack(d, asked)
		s.report(ctx, writing, nil)
		return betweenWrites + rand.N(betweenWrites/2)
	case s.report(ctx, writing, err):
		s.putBack(d, asked)
		return spread()
	}
	s.wrote(d, ends)
	return betweenWrites
}

// take takes the next deployment from the queue, and what is to be published of it. What is over by now, or has been
// found in the row, is not.
func (s *sharing) take() (*deployment, []backend.Block) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		d := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		d.queued = false
		asked, left := d.asked, 0
		d.asked = make([]backend.Block, len(s.Backends))
		for i, block := range asked {
			if block.Until.After(now) && !s.isThere(d, i, block.Until, now) {
				left++
			} else {
				asked[i] = backend.Block{}
			}
		}
		if left > 0 {
			return d, asked
		}
	}
	return nil, nil
}

// putBack queues again what could not be published.
func (s *sharing) putBack(d *deployment, asked []backend.Block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, block := range asked {
		s.ask(d, i, block)
	}
}

// merge is what the row is to say: the latest end of each backend, without those that are over, that nobody can have
// written, or of backends that are not known. It is nil where the row says so already.
func (s *sharing) merge(d *deployment, row Row, asked []backend.Block) map[string]End {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	ends := map[string]End{}
	changed := false
	for i, name := range s.Backends {
		if end := row.Ends[name]; end.Until.After(s.clock.at(now)) && s.plausible(end.Until, now) {
			ends[name] = end
		}
		if !asked[i].Until.After(now) {
			continue
		}
		if until := s.clock.at(asked[i].Until).Truncate(time.Millisecond); until.After(ends[name].Until.Add(same)) {
			ends[name] = End{Until: until, Failed: asked[i].Cause == backend.Failed}
			d.mine[i] = until // before it is written, so that it is not met as another's
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return ends
}

func (s *sharing) set(ctx context.Context, d *deployment, row Row, ends map[string]End) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return s.Rows.SetCooldowns(ctx, d.name, row, ends)
}

// wrote takes note of what is in the row now.
func (s *sharing) wrote(d *deployment, ends map[string]End) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, name := range s.Backends {
		d.known[i] = ends[name].Until
	}
}
