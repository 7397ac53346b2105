package main

import (
	"context"
	"os"
	"slices"
	"time"
)

// target is something that answers calls.
type target struct {
	name      string
	addresses []string // connections spread over them
	pids      []int    // of the processes that are measured, with what they started; none for the backends themselves
	tells     bool     // it is our handler, which may tell its allocations
	logs      []string // files that grow with each call
	compiles  bool     // it compiles what is used often, and is slow until then
}

// objects is how many objects it has allocated; 0 where it does not tell.
func (t *target) objects(ctx context.Context) (n uint64) {
	if !t.tells {
		return 0
	}
	for _, address := range t.addresses {
		n += allocations(ctx, address)
	}
	return n
}

// meter begins to measure. What it returns ends that. To ask for the objects costs time and objects itself: the time is
// not measured, and the objects of one question are taken off.
func (t *target) meter(ctx context.Context) (used func() usage) {
	processes := tree(t.pids...)
	first := t.objects(ctx)
	before := t.objects(ctx)
	cpu := processorTime(processes)
	return func() usage {
		u := usage{cpu: processorTime(processes) - cpu}
		if after := t.objects(ctx); first > 0 && after > before {
			u.allocations = after - before - min(before-first, after-before)
		}
		return u
	}
}

func (t *target) memory() memory { return memoryOf(tree(t.pids...)) }

// emptyLogs keeps the disk from filling: each access log is written as in production, and read by nobody.
func (t *target) emptyLogs() {
	for _, path := range t.logs {
		_ = os.Truncate(path, 0)
	}
}

// round is what one target did with one load for a while.
type round struct {
	took     []time.Duration // of each call, sorted
	samples  []sample        // the same, as they came
	began    time.Time
	lasted   time.Duration
	used     usage
	loads    time.Duration // processor time of this process
	backends time.Duration // and of the backends
}

func (r round) p50() float64  { return float64(percentile(r.took, 0.5)) }
func (r round) p99() float64  { return float64(percentile(r.took, 0.99)) }
func (r round) rate() float64 { return float64(len(r.took)) / r.lasted.Seconds() }

// run is a round. backends are the ids of the backends' processes.
func (t *target) run(ctx context.Context, l load, connections int, lasting time.Duration, backends []int) (round, error) {
	all, err := connect(ctx, t.addresses, l, connections)
	if err != nil {
		return round{}, err
	}
	defer all.close()
	self := []int{os.Getpid()}
	used := t.meter(ctx)
	loads, behind := processorTime(self), processorTime(backends)
	r := round{began: time.Now()}
	r.lasted = all.drive(lasting)
	r.loads, r.backends = processorTime(self)-loads, processorTime(backends)-behind
	r.used = used()
	t.emptyLogs()
	for _, c := range all {
		r.samples = append(r.samples, c.samples...)
	}
	for _, s := range r.samples {
		r.took = append(r.took, s.took)
	}
	slices.Sort(r.took)
	return r, all.failure()
}
