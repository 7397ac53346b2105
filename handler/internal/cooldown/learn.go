package cooldown

import (
	"context"
	"time"
)

// learn reads the row that is due first, if any is.
func (s *sharing) learn(ctx context.Context) time.Duration {
	d, wait := s.due(time.Now())
	if d == nil {
		return wait
	}
	_, err := s.read(ctx, d)
	if s.report(ctx, reading, err) {
		return spread()
	}
	return 0
}

// due picks the deployment in use whose row has waited longest to be read, or says how long to wait. So where more rows
// are in use than may be read in a period, each has its turn.
func (s *sharing) due(now time.Time) (*deployment, time.Duration) {
	names := s.Health.Used()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	for _, name := range names {
		if d := s.deployment(name, now); d != nil {
			d.used = now
		}
	}
	var first *deployment
	for _, d := range s.deployments {
		if first == nil || d.due.Before(first.due) {
			first = d
		}
	}
	if first == nil {
		return nil, look
	}
	if wait := first.due.Sub(now); wait > 0 {
		return nil, min(wait, look)
	}
	first.due = now.Add(spread())
	return first, 0
}

// forget lets go of deployments that are no longer in use. s.mu is held.
func (s *sharing) forget(now time.Time) {
	for name, d := range s.deployments {
		if now.Sub(d.used) >= usedFor && !d.queued {
			delete(s.deployments, name)
		}
	}
}
