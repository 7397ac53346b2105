package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aoai-balancer/handler/internal/stack"
)

// counting is what the counter did for some processes over storage of some delay.
type counting struct {
	delay     time.Duration
	processes int
	first     time.Duration // the first call of a process, to a deployment without a row
	second    time.Duration
	round     round
	inMemory  round // the same load with the counter in memory
	rows      rowCalls
	claimed   []time.Duration // the calls that began while a claim was out, sorted
}

// rowCalls counts the calls of the row of turns, and keeps when one was out.
type rowCalls struct {
	reads, updates, conflicts, others int
	out                               []span
	done                              []time.Time // the ends of updates
}

// span is a stretch of time.
type span struct{ began, ended time.Time }

func (s span) holds(t time.Time) bool { return !t.Before(s.began) && t.Before(s.ended) }

// rowWatch gathers the calls of storage. Safe for concurrent use.
type rowWatch struct {
	mu   sync.Mutex
	rows rowCalls
}

// saw counts a call. Rows of turns are named in the path, but when they are inserted: that is before anything is counted.
func (w *rowWatch) saw(c stack.TableCall) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &w.rows
	if !strings.Contains(c.Path, "RowKey='turns'") {
		r.others++
		return
	}
	switch {
	case c.Method == http.MethodGet:
		r.reads++
	case c.Status == http.StatusPreconditionFailed:
		r.conflicts++
	case c.Status < 300:
		r.updates++
		r.done = append(r.done, c.Ended)
	}
	r.out = append(r.out, span{c.Began, c.Ended})
}

// take gives what was counted since the last time.
func (w *rowWatch) take() rowCalls {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.rows
	w.rows = rowCalls{}
	return taken
}

// during gives the calls that began while a claim was out, sorted.
func (r *rowCalls) during(calls round) []time.Duration {
	var took []time.Duration
	for _, s := range calls.samples {
		began := calls.began.Add(s.at)
		if slices.ContainsFunc(r.out, func(s span) bool { return s.holds(began) }) {
			took = append(took, s.took)
		}
	}
	slices.Sort(took)
	return took
}

// measureCounter measures the counter in a table whose every call is delayed.
func (b *bench) measureCounter(ctx context.Context) ([]counting, error) {
	if b.storage == nil {
		return nil, nil // it was said
	}
	var all []counting
	for _, delay := range b.plan.delays {
		for _, processes := range []int{1, 2} {
			b.progress.say("counter: %v added to storage, %d processes", delay, processes)
			c, err := b.count(ctx, delay, processes)
			if err != nil {
				return all, fmt.Errorf("counter: %w", err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

const counterConnections = 32

func (b *bench) count(ctx context.Context, delay time.Duration, processes int) (c counting, err error) {
	c.delay, c.processes = delay, processes
	watch := &rowWatch{}
	proxy, err := stack.StartTableProxy(ctx, b.storage, delay, watch.saw)
	if err != nil {
		return c, err
	}
	defer proxy.Stop()
	tabled := settings(b.direct.addresses).WithCounter(proxy.ConnectionString()).
		With("COUNTER_TABLE", fmt.Sprintf("counter%dof%d", delay.Milliseconds(), processes))
	shared, err := b.startFleet(ctx, processes, tabled)
	if err != nil {
		return c, err
	}
	defer shared.stop()
	alone, err := b.startFleet(ctx, processes, settings(b.direct.addresses))
	if err != nil {
		return c, err
	}
	defer alone.stop()
	if c.first, c.second, err = firstCalls(ctx, &shared.target); err != nil {
		return c, err
	}
	return c, b.countWarm(ctx, &c, shared, alone, watch)
}

// countWarm lets the counter learn the demand, and then counts.
func (b *bench) countWarm(ctx context.Context, c *counting, shared, alone *fleet, watch *rowWatch) (err error) {
	run := func(f *fleet, lasting time.Duration) (r round) {
		if err == nil {
			r, err = f.run(ctx, chat(kilobyte), counterConnections, lasting, b.backends)
		}
		return r
	}
	run(shared, b.plan.counting)
	run(alone, b.plan.counting/2)
	c.inMemory = run(alone, b.plan.counting)
	watch.take()
	for range 3 { // a stock may last for longer than that
		c.round = run(shared, b.plan.counting)
		if c.rows = watch.take(); err != nil || c.rows.updates > 0 {
			break
		}
	}
	c.claimed = c.rows.during(c.round)
	return err
}

// firstCalls are the first two calls that a target gets.
func firstCalls(ctx context.Context, t *target) (first, second time.Duration, err error) {
	began := time.Now()
	one, err := connect(ctx, t.addresses[:1], chat(kilobyte), 1)
	if err != nil {
		return 0, 0, err
	}
	defer one.close()
	first = time.Since(began)
	began = time.Now()
	err = one[0].call()
	return first, time.Since(began), err
}

// fleet is some handlers as one target.
type fleet struct {
	target
	handlers []*handlerTarget
}

func (b *bench) startFleet(ctx context.Context, processes int, s stack.Settings) (*fleet, error) {
	f := &fleet{target: target{name: "fleet", tells: true}}
	for range processes {
		h, err := b.startHandler(ctx, "handler", s)
		if err != nil {
			f.stop()
			return nil, err
		}
		f.handlers = append(f.handlers, h)
		f.addresses = append(f.addresses, h.addresses...)
		f.pids = append(f.pids, h.pids...)
		f.logs = append(f.logs, h.logs...)
	}
	return f, nil
}

func (f *fleet) stop() {
	for _, h := range f.handlers {
		h.process.Stop()
	}
}

// waited is how many calls may have waited for a claim: they were under way when it ended, and took as long as one call of
// storage at least. On a busy machine there are some that did not wait.
func (c *counting) waited() (calls int) {
	for _, s := range c.round.samples {
		began := c.round.began.Add(s.at)
		call := span{began, began.Add(s.took)}
		if s.took >= c.delay && slices.ContainsFunc(c.rows.done, call.holds) {
			calls++
		}
	}
	return calls
}

// slowStorage is so slow that a call which waits for it cannot be taken for one that does not.
const slowStorage = 50 * time.Millisecond

func (c *counting) waitedText() string {
	if c.delay < slowStorage {
		return none
	}
	return thousands(c.waited())
}

func counted(all []counting) *table {
	t := &table{number: 0, columns: []string{
		"added to storage", "processes", "turns/s", "× in memory", "table updates / 1,000 calls", "conflicts / 1,000",
		"first call", "second call", "p99", "p99 while a claim is out", "p99 in memory", "calls while a claim is out", "that may have waited",
	}}
	for _, c := range all {
		per := 1000 / float64(len(c.round.took))
		t.add(fmt.Sprint(c.delay), strconv.Itoa(c.processes), rate(c.round.rate()), times(c.round.rate()/c.inMemory.rate()),
			fmt.Sprintf("%.2f", float64(c.rows.updates)*per), fmt.Sprintf("%.2f", float64(c.rows.conflicts)*per),
			duration(float64(c.first)), duration(float64(c.second)), duration(c.round.p99()),
			duration(quantileOrNone(c.claimed, 0.99)), duration(c.inMemory.p99()), thousands(len(c.claimed)), c.waitedText())
	}
	return t
}
