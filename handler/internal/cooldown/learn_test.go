package cooldown_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/cooldown"
)

func TestLearn_ReadsEveryTwoSecondsGiveOrTakeHalf(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		began := time.Now()
		for time.Since(began) < 10*time.Minute {
			i.serve(t, "chat")
			time.Sleep(5 * time.Second)
		}
		reads, _ := rows.calls()
		if first := reads[0].at.Sub(began); first > time.Second {
			t.Errorf("the first reading came %v after the first call", first)
		}
		shortest, most := time.Hour, time.Duration(0)
		for n := 1; n < len(reads); n++ {
			gap := reads[n].at.Sub(reads[n-1].at)
			shortest, most = min(shortest, gap), max(most, gap)
		}
		t.Logf("%d readings in 10 minutes, %v to %v apart", len(reads), shortest, most)
		if len(reads) < 270 || len(reads) > 330 || shortest < time.Second || shortest > 1200*time.Millisecond ||
			most < 2800*time.Millisecond || most > rowPeriod+latency {
			t.Error("that is not every 2 s ± 50 %")
		}
	})
}

func TestLearn_ReadsOnlyWhatIsInUse(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		time.Sleep(time.Minute)
		if reads, _ := rows.calls(); len(reads) > 0 {
			t.Errorf("%d readings before any call", len(reads))
		}
		i.serve(t, "chat")
		called := time.Now()
		time.Sleep(5 * time.Minute)
		reads, _ := rows.calls()
		if last := reads[len(reads)-1].at.Sub(called); last < 27*time.Second || last > 31*time.Second {
			t.Errorf("the last reading came %v after the last call", last)
		}
		i.serve(t, "chat")
		time.Sleep(time.Second + latency)
		if again, _ := rows.calls(); len(again) != len(reads)+1 {
			t.Errorf("%d readings when it was in use again", len(again)-len(reads))
		}
	})
}

func TestLearn_AtMostTenRowsASecondEachInItsTurn(t *testing.T) {
	const deployments, minutes = 100, 2
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		for range minutes * 60 {
			for n := range deployments {
				i.serve(t, fmt.Sprint("gpt-", n))
			}
			time.Sleep(time.Second)
		}
		reads, _ := rows.calls()
		wantAtMostTenASecond(t, reads)
		count := map[string]int{}
		for _, read := range reads {
			count[read.deployment]++
		}
		fewest, most := len(reads), 0
		for _, n := range count {
			fewest, most = min(fewest, n), max(most, n)
		}
		t.Logf("%d rows in %d minutes: %d to %d times each of %d", len(reads), minutes, fewest, most, len(count))
		if len(reads) < 9*60*minutes || len(count) != deployments || most-fewest > 2 {
			t.Error("they do not take turns")
		}
	})
}

func wantAtMostTenASecond(t *testing.T, reads []access) {
	t.Helper()
	for n := range len(reads) - 10 {
		if window := reads[n+10].at.Sub(reads[n].at); window < time.Second {
			t.Fatalf("11 readings within %v", window)
		}
	}
}

// A write begins with a reading.
func TestLearn_AtMostTenRowsASecondWhileMuchIsPublished(t *testing.T) {
	const deployments = 100
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		var calls []*backend.Attempt
		for n := range deployments {
			name := fmt.Sprint("gpt-", n)
			calls = append(calls, i.attempt(t, a, name))
			if n%2 == 0 { // these are there already, which shows when they are to be written
				rows.put(name, map[string]cooldown.End{"a": ahead(time.Minute)})
			}
		}
		for _, attempt := range calls {
			attempt.Throttled(50 * time.Second)
		}
		time.Sleep(time.Minute)
		reads, writes := rows.calls()
		t.Logf("%d reads, %d writes", len(reads), len(writes))
		wantAtMostTenASecond(t, reads)
	})
}

func TestLearn_AnEndIsCappedAndAppliedOnce(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		rows.put("chat", map[string]cooldown.End{"a": ahead(24 * time.Hour), "c": ahead(-time.Second), "unknown": ahead(time.Minute)})
		i := start(ctx, seen{rows, 0}, names())
		began := time.Now()
		i.serve(t, "chat")
		after(t, 2*time.Second, func() bool { return i.Ready("chat") == 1<<b|1<<c })
		if left, _ := i.left(a, "chat"); left > longest {
			t.Errorf("cools for %v more", left)
		}
		after(t, longest+rowPeriod, func() bool {
			if time.Since(began)%(10*time.Second) == 0 {
				i.serve(t, "chat")
			}
			return i.Ready("chat") == 1<<a|1<<b|1<<c
		})
	})
}

// Azurite, for one, begins anew without any rows.
func TestLearn_RowsThatAreLostCanBeToldAgain(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		told, other := start(ctx, seen{rows, 0}, names()), start(ctx, seen{rows, 0}, names())
		call := told.attempt(t, a, "chat")
		told.throttled(t, "chat", 60*time.Second)
		time.Sleep(time.Second)
		rows.set(func(t *table) { clear(t.rows) })
		time.Sleep(rowPeriod)
		call.Throttled(50 * time.Second)
		other.serve(t, "chat")
		after(t, rowPeriod+4*latency, func() bool { return other.Ready("chat") == 1<<b|1<<c })
		if left, cause := other.left(a, "chat"); left < 40*time.Second || cause != backend.Throttled {
			t.Errorf("cools for %v more, for being %v", left, cause)
		}
	})
}
