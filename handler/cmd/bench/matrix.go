package main

import (
	"context"
	"fmt"
	"time"
)

// cell is what one target did with one load on so many connections, over all rounds.
type cell struct {
	p50, p99, rate []float64 // of each round; times in nanoseconds
	calls          int
	used           usage
	loads          time.Duration // processor time of the load
	backends       time.Duration
	memory         memory
}

func (c *cell) add(r round) {
	c.p50, c.p99, c.rate = append(c.p50, r.p50()), append(c.p99, r.p99()), append(c.rate, r.rate())
	c.calls += len(r.took)
	c.used = c.used.plus(r.used)
	c.loads += r.loads
	c.backends += r.backends
}

// perThousand is for figures of all calls.
func (c *cell) perThousand(n float64) float64 { return 1000 * n / float64(c.calls) }

func (c *cell) cpuPerCall() float64 { return float64(c.used.cpu) / float64(c.calls) }

// series is one load on so many connections, given to all targets in turn.
type series struct {
	load        load
	connections int
	targets     []*target
	cells       map[string]*cell
}

// measureSeries gives the load to each target in each round. Each round begins with another target.
func (b *bench) measureSeries(ctx context.Context, s *series) error {
	s.cells = map[string]*cell{}
	for _, t := range s.targets {
		s.cells[t.name] = &cell{}
	}
	for n := range b.plan.roundsOf(s.load, s.connections) {
		for i := range s.targets {
			t := s.targets[(i+n)%len(s.targets)]
			r, err := t.run(ctx, s.load, s.connections, b.plan.lasting, b.backends)
			if err != nil {
				return fmt.Errorf("%s, %s, %d connections: %w", t.name, s.load.name, s.connections, err)
			}
			s.cells[t.name].add(r)
		}
	}
	for _, t := range s.targets {
		s.cells[t.name].memory = t.memory()
	}
	return ctx.Err()
}

// compileTimes is how much longer a target needs to get warm that compiles what is used often.
const compileTimes = 4

// warm makes calls that are not counted: the host compiles what is used often, and a handler's heap finds its size.
func (b *bench) warm(ctx context.Context, targets []*target) error {
	for _, t := range targets {
		b.progress.say("warming up: %s", t.name)
		lasting := b.plan.warming
		if t.compiles {
			lasting *= compileTimes
		}
		for _, l := range b.plan.loads {
			if _, err := t.run(ctx, l, 32, lasting, nil); err != nil {
				return fmt.Errorf("%s, %s: %w", t.name, l.name, err)
			}
		}
	}
	return nil
}

// measureAll is the comparison: every load on every number of connections.
func (b *bench) measureAll(ctx context.Context, targets []*target) ([]*series, error) {
	if err := b.warm(ctx, targets); err != nil {
		return nil, err
	}
	var all []*series
	total := len(b.plan.loads) * len(b.plan.connections)
	for _, l := range b.plan.loads {
		for _, connections := range b.plan.connections {
			b.progress.say("comparison %d of %d: %s, %d connections", len(all)+1, total, l.name, connections)
			s := &series{load: l, connections: connections, targets: targets}
			if err := b.measureSeries(ctx, s); err != nil {
				return all, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}
