package rotation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

func TestTake_SilentStorageCostsOneWaitAndIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		r.fail(hang)
		p := newProcess(t, r)
		turn, wait := p.take(t.Context())
		if !turn.Local || wait != 250*time.Millisecond {
			t.Errorf("got %v after %v, want a local turn after 250 ms", turn, wait)
		}
		local, longest := p.run(t, 10*time.Millisecond, time.Minute)
		if local != 6000 || longest != 0 || !p.Stats().Outage {
			t.Errorf("%d of 6000 local, longest wait %v, %+v", local, longest, p.Stats())
		}
		p.wantNews(t, 1, 0)
		r.fail(nil)
		p.run(t, 10*time.Millisecond, 10*time.Second)
		if local, longest := p.run(t, 10*time.Millisecond, 10*time.Second); local != 0 || longest != 0 || p.Stats().Outage {
			t.Errorf("after: %d local, longest wait %v, %+v", local, longest, p.Stats())
		}
		p.wantNews(t, 1, 1)
	})
}

func TestTake_StorageThatFailsWhileWarmIsNoticedWhenTheStockEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		p := newProcess(t, r)
		p.run(t, 10*time.Millisecond, 20*time.Second)
		broken := errors.New("503 ServerBusy")
		r.fail(func(context.Context) error { return broken })
		before := len(r.claimed())
		local, longest := p.run(t, 10*time.Millisecond, 20*time.Second)
		if local < 1700 || longest != 0 {
			t.Errorf("%d of 2000 local, longest wait %v", local, longest)
		}
		if tries := len(r.claimed()) - before; tries < 10 || tries > 40 {
			t.Errorf("%d tries in 20 s, want about one a second", tries)
		}
		p.wantNews(t, 1, 0)
		if !errors.Is(p.outages[0], broken) {
			t.Errorf("the cause is %v", p.outages[0])
		}
		r.fail(nil)
		p.run(t, 10*time.Millisecond, 5*time.Second)
		p.wantNews(t, 1, 1)
	})
}

func TestTake_ErrorReleasesWaitersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		r.fail(func(ctx context.Context) error {
			_ = pause(ctx, 30*time.Millisecond)
			return errors.New("403 AuthorizationFailure")
		})
		p := newProcess(t, r)
		if _, longest := p.run(t, time.Millisecond, 100*time.Millisecond); longest != 30*time.Millisecond {
			t.Errorf("longest wait %v, want that of the failing call", longest)
		}
		p.wantNews(t, 1, 0)
	})
}

func TestTake_LosingToOthersIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		r.fail(func(ctx context.Context) error {
			_ = pause(ctx, 10*time.Millisecond)
			return rotation.ErrConflict
		})
		p := newProcess(t, r)
		local, longest := p.run(t, 50*time.Millisecond, 30*time.Second)
		if s := p.Stats(); local != 600 || longest > 250*time.Millisecond || s.Conflicts < 20 || s.Outage {
			t.Errorf("%d of 600 local, longest wait %v, %+v", local, longest, s)
		}
		r.fail(nil)
		p.run(t, 50*time.Millisecond, 10*time.Second)
		if local, _ := p.run(t, 50*time.Millisecond, time.Second); local != 0 {
			t.Errorf("%d local turns after", local)
		}
		p.wantNews(t, 0, 0)
	})
}

func TestTake_OneBrokenRowAmongOthersIsOneOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rows{"chat": newRow(), "embed": newRow()}
		r["embed"].fail(func(context.Context) error { return errors.New("garbled row") })
		p := newProcess(t, r)
		both := func(length time.Duration) {
			for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				p.Take(t.Context(), "chat")
				p.Take(t.Context(), "embed")
			}
		}
		both(time.Minute)
		p.wantNews(t, 1, 0)
		r["embed"].fail(nil)
		both(10 * time.Second)
		p.wantNews(t, 1, 1)
	})
}

func TestTake_OutageOfAllRowsEndsThoughSomeAreNoLongerUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rows{"chat": newRow(), "embed": newRow()}
		for _, row := range r {
			row.fail(func(context.Context) error { return errors.New("connection refused") })
		}
		p := newProcess(t, r)
		p.Take(t.Context(), "embed")
		p.run(t, 100*time.Millisecond, 10*time.Second)
		p.wantNews(t, 1, 0)
		r["chat"].fail(nil)
		p.run(t, 100*time.Millisecond, 10*time.Second)
		p.wantNews(t, 1, 1)
	})
}

func TestTake_PanicOfTheCounterIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := make(chan error, 10)
		turns := rotation.NewTurns(rotation.Options{Counter: panicking{}, OnOutage: func(err error) { said <- err }})
		for range 50 {
			began := time.Now()
			if turn := turns.Take(t.Context(), "chat"); !turn.Local || time.Since(began) > 0 {
				t.Fatalf("got %v after %v, want a local turn at once", turn, time.Since(began))
			}
			time.Sleep(100 * time.Millisecond)
		}
		if len(said) != 1 {
			t.Errorf("%d outages said, want 1", len(said))
		}
	})
}
