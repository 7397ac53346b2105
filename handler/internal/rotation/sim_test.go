package rotation_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

// fleet is a simulation: instances that call one deployment at random times, over one row.
type fleet struct {
	instances int
	every     time.Duration // mean time between an instance's calls
	life      time.Duration // mean time to an instance's end, when a new one takes its place; 0: none ends
	run       time.Duration
}

// settled is when the figures that must hold in the long run begin.
const settled = time.Minute

// outcome is what a simulation counted.
type outcome struct {
	mu        sync.Mutex
	seen      map[uint64]bool
	twice     int    // turns of the table that were given twice
	slots     [2]int // calls by turn modulo 2
	processes int
	outages   int

	// Since settled:
	calls, local int
	waits        []time.Duration
	operations   float64 // a second
}

func (o *outcome) add(turn rotation.Turn, wait time.Duration, warm bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slots[turn.N%2]++
	if !turn.Local && o.seen[turn.N] {
		o.twice++
	}
	if !turn.Local {
		o.seen[turn.N] = true
	}
	if !warm {
		return
	}
	o.calls++
	if turn.Local {
		o.local++
	}
	if wait > 0 {
		o.waits = append(o.waits, wait)
	}
}

// percentLocal is the share of local turns since settled.
func (o *outcome) percentLocal() float64 { return 100 * float64(o.local) / float64(o.calls) }

// quantile is the wait that a share q of the calls does not exceed.
func (o *outcome) quantile(q float64) time.Duration {
	slices.Sort(o.waits)
	i := len(o.waits) - 1 - int(float64(o.calls)*(1-q))
	if i < 0 {
		return 0
	}
	return o.waits[i]
}

// imbalance is by how many calls the shares differ from equal ones.
func (o *outcome) imbalance() int {
	d := (o.slots[0] - o.slots[1]) / 2
	return max(d, -d)
}

// simulate runs in virtual time.
func (f fleet) simulate(t *testing.T) *outcome {
	t.Helper()
	o := &outcome{seen: map[uint64]bool{}}
	synctest.Test(t, func(*testing.T) {
		r := newRow()
		began := time.Now()
		var wg sync.WaitGroup
		for range f.instances {
			wg.Go(func() {
				for time.Since(began) < f.run {
					f.live(r, o, began)
				}
			})
		}
		time.Sleep(settled)
		before := r.operations()
		wg.Wait()
		o.operations = float64(r.operations()-before) / (f.run - settled).Seconds()
	})
	t.Logf("%d instances, a call every %v, life %v: %.2f %% local, %.1f row operations/s, p99 %v, p99.9 %v, "+
		"%d of %d calls off equal shares, %d processes, %d turns given twice, %d outages",
		f.instances, f.every, f.life, o.percentLocal(), o.operations, o.quantile(0.99).Round(time.Millisecond),
		o.quantile(0.999).Round(time.Millisecond), o.imbalance(), o.slots[0]+o.slots[1], o.processes, o.twice, o.outages)
	return o
}

// live is one instance's life.
func (f fleet) live(r *row, o *outcome, began time.Time) {
	var wg sync.WaitGroup
	defer wg.Wait()
	turns := rotation.NewTurns(rotation.Options{Counter: r, Cycle: 2, Go: wg.Go, OnOutage: func(error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.outages++
	}})
	o.mu.Lock()
	o.processes++
	o.mu.Unlock()
	end := began.Add(f.run)
	if f.life > 0 {
		if dies := time.Now().Add(f.life/2 + rand.N(f.life)); dies.Before(end) {
			end = dies
		}
	}
	for {
		time.Sleep(time.Duration(rand.ExpFloat64() * float64(f.every)))
		now := time.Now()
		if !now.Before(end) {
			return
		}
		wg.Go(func() {
			turn := turns.Take(context.Background(), "chat")
			o.add(turn, time.Since(now), now.Sub(began) >= settled)
		})
	}
}

// check holds what must be so in every fleet: no turn twice, contention is no outage, no call waits for more than 250 ms,
// and the shares are exact within one cycle of 2 a process.
func (o *outcome) check(t *testing.T) {
	t.Helper()
	if o.twice != 0 || o.outages != 0 || o.quantile(1) > 250*time.Millisecond || o.imbalance() > o.processes {
		t.Errorf("%d turns given twice, %d outages, longest wait %v, %d calls off equal shares over %d processes",
			o.twice, o.outages, o.quantile(1), o.imbalance(), o.processes)
	}
}

// minutes is n, or 2 under -short.
func minutes(n int) time.Duration {
	if testing.Short() {
		n = 2
	}
	return time.Duration(n) * time.Minute
}

func TestFleet_TwoProcessesShareOneRow(t *testing.T) {
	o := fleet{instances: 2, every: 20 * time.Millisecond, run: minutes(3)}.simulate(t)
	o.check(t)
	if o.imbalance() > 2 || o.local > 0 {
		t.Errorf("%d calls off, %d local", o.imbalance(), o.local)
	}
}

func TestFleet_ManyProcessesShareOneRow(t *testing.T) {
	o := fleet{instances: 100, every: 125 * time.Millisecond, run: minutes(4)}.simulate(t)
	o.check(t)
	if o.operations > 100 || o.percentLocal() > 1 {
		t.Errorf("%.1f row operations/s, %.2f %% local, want at most 100 and 1 %%", o.operations, o.percentLocal())
	}
}

func TestFleet_ManyMoreProcessesShareOneRow(t *testing.T) {
	o := fleet{instances: 300, every: 125 * time.Millisecond, run: minutes(2)}.simulate(t)
	o.check(t)
	if o.operations > 100 || o.percentLocal() > 1 {
		t.Errorf("%.1f row operations/s, %.2f %% local, want at most 100 and 1 %%", o.operations, o.percentLocal())
	}
}

// New instances know nothing of the contention and must learn it from conflicts.
func TestFleet_ProcessesThatEndEveryMinute(t *testing.T) {
	o := fleet{instances: 100, every: 125 * time.Millisecond, life: time.Minute, run: minutes(4)}.simulate(t)
	o.check(t)
	if o.operations > 100 || o.percentLocal() > 1 {
		t.Errorf("%.1f row operations/s, %.2f %% local, want at most 100 and 1 %%", o.operations, o.percentLocal())
	}
	if testing.Short() {
		return
	}
	o = fleet{instances: 300, every: 125 * time.Millisecond, life: time.Minute, run: minutes(2)}.simulate(t)
	o.check(t)
	if o.percentLocal() > 1 {
		t.Errorf("%.2f %% local, want at most 1 %%", o.percentLocal())
	}
}

// If every claim began at the first backend, it would get most calls of such a fleet.
func TestFleet_SlowCallersShareEvenly(t *testing.T) {
	o := fleet{instances: 100, every: 10 * time.Second, run: minutes(20)}.simulate(t)
	o.check(t)
	if o.operations > 20 || o.percentLocal() > 1 || o.quantile(0.99) > 0 {
		t.Errorf("%.1f row operations/s, %.2f %% local, p99 %v", o.operations, o.percentLocal(), o.quantile(0.99))
	}
}
