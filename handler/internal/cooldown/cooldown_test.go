package cooldown_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// The service's clock is known to half a second from one answer, and better from several.
const tolerance = 600 * time.Millisecond

func TestShare_AnInstanceThatWasNotToldLearnsOfItWithinThreeSecondsWhateverTheClocks(t *testing.T) {
	for _, clocks := range [][2]time.Duration{{0, 0}, {7 * time.Minute, -4 * time.Minute}, {-30 * time.Minute, 30 * time.Minute}, {300 * time.Millisecond, -9500 * time.Millisecond}} {
		inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
			told, other := start(ctx, seen{rows, clocks[0]}, names()), start(ctx, seen{rows, clocks[1]}, names())
			for range 20 {
				told.serve(t, "chat")
				other.serve(t, "chat")
				time.Sleep(time.Second)
			}
			told.throttled(t, "chat", 20*time.Second)
			took := after(t, rowPeriod+4*latency, func() bool { return other.Ready("chat") == 1<<b|1<<c })
			left, cause := other.left(a, "chat")
			wrong := left - (20*time.Second - took)
			t.Logf("clocks %v: learned after %v, its end is wrong by %v", clocks, took, wrong)
			if wrong < -tolerance || wrong > tolerance || cause != backend.Throttled {
				t.Errorf("cools for %v more, %v after it began, for being %v", left, took, cause)
			}
			if other.Ready("embeddings") != 1<<a|1<<b|1<<c {
				t.Error("another deployment cools, too")
			}
		})
	}
}

// The first date from a clock in the first half of a second makes it seem to be later than it is, and so the end.
func TestShare_TheOneThatWasToldKeepsToWhatItWasTold(t *testing.T) {
	for _, loses := range []bool{false, true} {
		inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
			told := start(ctx, seen{rows, 5*time.Minute + 100*time.Millisecond}, names())
			rows.set(func(t *table) { t.loses = loses })
			told.throttled(t, "chat", 20*time.Second)
			for range 19 {
				time.Sleep(time.Second)
				told.serve(t, "chat")
			}
			if left, _ := told.left(a, "chat"); left != time.Second {
				t.Errorf("with answers lost %v it cools for %v more, want 1s", loses, left)
			}
		})
	}
}

func TestShare_AFailureWithAWaitIsSharedAsSuch(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		told, other := start(ctx, seen{rows, 0}, names()), start(ctx, seen{rows, 0}, names())
		other.serve(t, "chat")
		told.attempt(t, c, "chat").Failed(30 * time.Second)
		after(t, rowPeriod+4*latency, func() bool { return other.Ready("chat") == 1<<a|1<<b })
		if left, cause := other.left(c, "chat"); cause != backend.Failed || left < 25*time.Second {
			t.Errorf("cools for %v more, for being %v", left, cause)
		}
	})
}

func TestShare_NothingElseIsPublished(t *testing.T) {
	for name, end := range map[string]func(*backend.Attempt) time.Duration{
		"missing": (*backend.Attempt).Missing, "unauthorized": (*backend.Attempt).Unauthorized, "unreachable": (*backend.Attempt).Unreachable,
		"failed":             func(x *backend.Attempt) time.Duration { return x.Failed(0) },
		"429 without a wait": func(x *backend.Attempt) time.Duration { return x.Throttled(0) },
		"429 for a moment":   func(x *backend.Attempt) time.Duration { return x.Throttled(900 * time.Millisecond) },
	} {
		inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
			i := start(ctx, seen{rows, 0}, names())
			for range 3 {
				end(i.attempt(t, a, "chat"))
				time.Sleep(6 * time.Minute)
			}
			if _, writes := rows.calls(); len(writes) > 0 {
				t.Errorf("%s was published", name)
			}
		})
	}
}

func TestShare_WithOneBackendDoesNothing(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, []string{"a"})
		i.throttled(t, "chat", 20*time.Second)
		time.Sleep(time.Minute)
		if reads, writes := rows.calls(); len(reads)+len(writes) > 0 {
			t.Errorf("%d reads, %d writes", len(reads), len(writes))
		}
	})
}

func TestShare_NamesThatGetNoRowAreNotShared(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		long := strings.Repeat("x", 65)
		for _, name := range []string{"", "a b", "gpt/4", "größe", "a\n", "chat*", "**", long, strings.Repeat(long, 1000)} {
			i.throttled(t, name, 20*time.Second)
		}
		time.Sleep(10 * time.Second)
		if reads, writes := rows.calls(); len(reads)+len(writes) > 0 {
			t.Errorf("%d reads, %d writes: %v", len(reads), len(writes), writes)
		}
		for _, name := range []string{"*", "gpt-5.4_mini", strings.Repeat("x", 64)} {
			i.throttled(t, name, 20*time.Second)
		}
		time.Sleep(10 * time.Second)
		if _, writes := rows.calls(); len(writes) != 3 {
			t.Errorf("writes: %v, want 3", writes)
		}
	})
}

func TestShare_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		rows := newTable()
		i := start(ctx, seen{rows, 0}, names())
		i.serve(t, "chat")
		time.Sleep(10 * time.Second)
		rows.set(func(t *table) { t.hangs = true })
		time.Sleep(4 * time.Second) // a call is out
		stop()
		synctest.Wait()
		if outages, _ := i.news(); len(outages) > 0 {
			t.Errorf("its end was said to be an outage: %v", outages)
		}
		reads, _ := rows.calls()
		i.throttled(t, "chat", 20*time.Second)
		i.serve(t, "chat")
		time.Sleep(time.Minute)
		if again, writes := rows.calls(); len(again) != len(reads) || len(writes) > 0 {
			t.Error("it goes on")
		}
	})
}

func TestShare_APanicIsNotTheEnd(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i, other := start(ctx, seen{rows, 0}, names()), start(ctx, seen{rows, 0}, names())
		rows.set(func(t *table) { t.panics = true })
		i.throttled(t, "chat", 10*time.Second)
		time.Sleep(20 * time.Second)
		rows.set(func(t *table) { t.panics = false })
		i.mu.Lock()
		panics := i.panics
		i.mu.Unlock()
		if panics < 2 || panics > 20 {
			t.Errorf("%d panics in 20 s", panics)
		}
		other.serve(t, "chat")
		i.throttled(t, "chat", 20*time.Second)
		after(t, 2*rowPeriod, func() bool { return other.Ready("chat") == 1<<b|1<<c })
	})
}
