package rotation_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

func TestTurn_String(t *testing.T) {
	if got := (rotation.Turn{N: 1234}).String() + " " + (rotation.Turn{N: 7, Local: true}).String(); got != "1234 local:7" {
		t.Error(got)
	}
}

func TestTake_OneProcessSplitsCallsExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, newRow())
		r := rotation.New(equal(2))
		var wg sync.WaitGroup
		var mu sync.Mutex
		var picked [2]int
		for i := range 4000 {
			wg.Go(func() {
				turn, _ := p.take(t.Context())
				i, _ := r.Pick(turn.N, all)
				mu.Lock()
				defer mu.Unlock()
				picked[i]++
			})
			if i%10 == 0 {
				time.Sleep(20 * time.Millisecond)
			}
		}
		wg.Wait()
		if picked != [2]int{2000, 2000} || p.Stats().LocalTurns != 0 {
			t.Errorf("picked %v with %d local turns, want 2000 each and none", picked, p.Stats().LocalTurns)
		}
	})
}

func TestTake_TurnsAreUsedInOrderAndNoneIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, newRow())
		last, _ := p.take(t.Context())
		for i := range 3000 {
			time.Sleep(rand.N(time.Duration(1+i%100) * time.Millisecond))
			turn, _ := p.take(t.Context())
			if turn != (rotation.Turn{N: last.N + 1}) {
				t.Fatalf("after %v came %v", last, turn)
			}
			last = turn
		}
	})
}

func TestTake_FirstClaimTakesWhatWaitsAndStartsAtTheTimeOnACycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1*time.Microsecond + 500*time.Nanosecond)
		r := newRow()
		p := newProcess(t, r)
		var wg sync.WaitGroup
		turns := make([]rotation.Turn, 7)
		for i := range turns {
			wg.Go(func() { turns[i], _ = p.take(t.Context()) })
			synctest.Wait() // so they wait in this order
		}
		start := uint64(time.Now().UnixMicro()) &^ 1
		wg.Wait()
		if c := r.claimed()[0]; c.Start != start || c.Deployment != "chat" {
			t.Errorf("claimed %+v, want the start %d", c, start)
		}
		for i, turn := range turns {
			if turn != (rotation.Turn{N: start + uint64(i)}) {
				t.Errorf("request %d got %v, want them in order from %d", i, turn, start)
			}
		}
		taken := uint64(0)
		for _, c := range r.claimed() {
			taken += c.Count
		}
		if s := p.Stats(); s.TableTurns != 7 || taken > 7+1+2+6 {
			t.Errorf("%+v after claims of %d turns", s, taken)
		}
	})
}

func TestTake_FirstClaimLeavesNothingOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		p := newProcess(t, r)
		p.take(t.Context())
		time.Sleep(time.Minute)
		if c := r.claimed(); len(c) != 1 || c[0].Count != 1 {
			t.Errorf("claimed %v for one request, want one turn", c)
		}
	})
}

func TestTake_WarmProcessNeverWaits(t *testing.T) {
	for _, every := range []time.Duration{3 * time.Second, 125 * time.Millisecond, 2 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			p := newProcess(t, newRow())
			p.run(t, every, 10*time.Second)
			local, longest := p.run(t, every, 20*time.Second)
			if local != 0 || longest != 0 {
				t.Errorf("a call every %v: %d local turns, longest wait %v, want none", every, local, longest)
			}
			if s := p.Stats(); every < time.Second && s.Claims > 200 {
				t.Errorf("a call every %v: %d claims for %d turns", every, s.Claims, s.TableTurns)
			}
		})
	}
}

func TestTake_TrafficThatGrowsIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, newRow())
		p.run(t, time.Second, time.Minute)
		local, longest := p.run(t, time.Millisecond, 10*time.Second)
		if local != 0 || longest > 150*time.Millisecond {
			t.Errorf("1/s to 1000/s: %d local turns, longest wait %v", local, longest)
		}
	})
}

func TestTake_WaiterThatLeavesLeavesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		p := newProcess(t, r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if turn, wait := p.take(ctx); !turn.Local || wait != time.Millisecond {
			t.Errorf("got %v after %v, want a local turn when the request ends", turn, wait)
		}
		time.Sleep(time.Second)
		turn, wait := p.take(t.Context())
		if want := r.claimed()[0].Start; turn.N != want || wait != 0 {
			t.Errorf("the next got %v after %v, want %d at once", turn, wait, want)
		}
		p.wantNews(t, 0, 0)
	})
}

func TestTake_SlowStorageIsStockedUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		r.min, r.max = 300*time.Millisecond, 600*time.Millisecond
		p := newProcess(t, r)
		p.run(t, 10*time.Millisecond, 30*time.Second)
		if local, longest := p.run(t, 10*time.Millisecond, 2*time.Minute); local > 120 || longest != 0 {
			t.Errorf("%d of 12000 local, longest wait %v", local, longest)
		}
	})
}

func TestTake_OneClaimIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fast{}
		p := newProcess(t, f)
		for range 200 {
			for range 5000 {
				p.take(t.Context())
			}
			time.Sleep(10 * time.Millisecond)
		}
		p.take(t.Context())
		if f.most != 100_000 {
			t.Errorf("the largest claim at 500,000 calls/s is %d, want 100,000", f.most)
		}
	})
}

func TestTake_AllocatesNothingWhileInStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, &fast{})
		p.run(t, 100*time.Microsecond, 2*time.Second)
		ctx := t.Context()
		if n := testing.AllocsPerRun(1000, func() { p.Take(ctx, "chat") }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkTake(b *testing.B) {
	turns := rotation.NewTurns(rotation.Options{Counter: &fast{}})
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		turns.Take(ctx, "chat")
	}
}
