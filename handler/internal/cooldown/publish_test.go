package cooldown_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/cooldown"
)

// wantEnds checks a row: for how long from now each backend is to cool.
func wantEnds(t *testing.T, rows *table, deployment string, want map[string]time.Duration) {
	t.Helper()
	ends := rows.ends(deployment)
	for name, left := range want {
		if wrong := time.Until(ends[name].Until) - left; wrong < -tolerance || wrong > tolerance {
			t.Errorf("%s cools for %v more, want %v", name, time.Until(ends[name].Until), left)
		}
	}
	if len(ends) != len(want) {
		t.Errorf("the row says %v, want just %v", ends, want)
	}
}

func TestPublish_AtOnceAndWithoutMakingTheRequestWait(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		time.Sleep(10 * time.Second)
		began := time.Now()
		i.throttled(t, "chat", 20*time.Second)
		if took := time.Since(began); took > 0 {
			t.Errorf("the request waited for %v", took)
		}
		time.Sleep(100*time.Millisecond + 2*latency + time.Millisecond) // it may have just read the row
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 20 * time.Second})
	})
}

func TestPublish_AtMostOneWriteASecond(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		for n := range 40 {
			i.throttled(t, fmt.Sprint("gpt-", n), 30*time.Second)
		}
		time.Sleep(time.Minute)
		_, writes := rows.calls()
		t.Logf("%d of 40 cooldowns of 30 s that began at once were published", len(writes))
		if len(writes) < 25 {
			t.Errorf("%d writes in the half minute that they lasted", len(writes))
		}
		for n := 1; n < len(writes); n++ {
			if gap := writes[n].at.Sub(writes[n-1].at); gap < time.Second {
				t.Errorf("write %d came %v after the one before", n, gap)
			}
		}
	})
}

// Where a backend throttles, it throttles many calls at once.
func TestPublish_WhatManyCallsWereToldIsWrittenOnce(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		instances := []*instance{start(ctx, seen{rows, time.Hour}, names()), start(ctx, seen{rows, -time.Hour}, names())}
		for _, i := range instances {
			i.serve(t, "chat")
		}
		time.Sleep(10 * time.Second)
		var calls []*backend.Attempt
		for _, i := range instances {
			for range 100 {
				calls = append(calls, i.attempt(t, a, "chat"))
			}
		}
		over := time.Now().Add(20 * time.Second)
		for n, attempt := range calls {
			time.Sleep(10 * time.Millisecond)
			attempt.Throttled(time.Until(over) + time.Duration(n%7)*time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if _, writes := rows.calls(); len(writes) > 2 {
			t.Errorf("%d writes were tried", len(writes))
		}
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": time.Until(over)})
	})
}

func TestPublish_OfWhatCallsAreToldAtOnceTheLongestIsWritten(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		first, second, third := i.attempt(t, a, "chat"), i.attempt(t, a, "chat"), i.attempt(t, a, "chat")
		first.Throttled(20 * time.Second)
		second.Failed(60 * time.Second)
		third.Throttled(10 * time.Second)
		time.Sleep(5 * time.Second)
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 55 * time.Second})
		// The first may be on its way before the second is told.
		if _, writes := rows.calls(); len(writes) > 2 || !rows.ends("chat")["a"].Failed {
			t.Errorf("%d writes; the row says %v", len(writes), rows.ends("chat"))
		}
	})
}

func TestPublish_ALongerEndExtendsAndAShorterOneDoesNotShorten(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		first, second, third := start(ctx, seen{rows, 0}, names()), start(ctx, seen{rows, time.Minute}, names()), start(ctx, seen{rows, 0}, names())
		long, short := second.attempt(t, a, "chat"), third.attempt(t, a, "chat")
		first.throttled(t, "chat", 20*time.Second)
		time.Sleep(5 * time.Second)
		long.Failed(60 * time.Second)
		time.Sleep(5 * time.Second)
		short.Throttled(10 * time.Second)
		time.Sleep(5 * time.Second)
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 50 * time.Second})
		if !rows.ends("chat")["a"].Failed {
			t.Error("the cause is not that of the longest")
		}
		if _, writes := rows.calls(); len(writes) != 2 {
			t.Errorf("%d writes, want 2", len(writes))
		}
	})
}

func TestPublish_DropsWhatIsOverUnknownOrImpossible(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		rows.put("chat", map[string]cooldown.End{"b": ahead(-time.Second), "gone": ahead(time.Minute), "c": ahead(longest)})
		rows.put("embeddings", map[string]cooldown.End{"a": ahead(24 * time.Hour), "b": ahead(24 * time.Hour), "c": {}})
		i := start(ctx, seen{rows, 0}, names())
		call := i.attempt(t, a, "embeddings")
		i.throttled(t, "chat", 20*time.Second)
		time.Sleep(2 * time.Second)
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 18 * time.Second, "c": longest - 2*time.Second})
		call.Throttled(20 * time.Second)
		time.Sleep(2 * time.Second)
		wantEnds(t, rows, "embeddings", map[string]time.Duration{"a": 18 * time.Second})
	})
}

func TestPublish_InstancesThatMeetLoseNothing(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		for which := range names() {
			i := start(ctx, seen{rows, time.Duration(which) * time.Minute}, names())
			i.attempt(t, which, "chat").Throttled(30 * time.Second)
		}
		time.Sleep(5 * time.Second)
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 25 * time.Second, "b": 25 * time.Second, "c": 25 * time.Second})
		_, writes := rows.calls()
		if len(writes) < 4 {
			t.Errorf("%d writes: they did not meet", len(writes))
		}
		t.Logf("3 instances needed %d writes", len(writes))
	})
}

func TestPublish_AFleetThatIsToldAtOnceWritesLittle(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		const fleet = 50
		var calls []*backend.Attempt
		for n := range fleet {
			i := start(ctx, seen{rows, time.Duration(n) * time.Second}, names())
			calls = append(calls, i.attempt(t, a, "chat"))
		}
		time.Sleep(10 * time.Second)
		for _, attempt := range calls {
			attempt.Throttled(30 * time.Second)
		}
		time.Sleep(20 * time.Second)
		_, writes := rows.calls()
		t.Logf("%d instances told at the same moment tried %d writes", fleet, len(writes))
		if len(writes) > fleet+5 {
			t.Errorf("%d instances tried %d writes", fleet, len(writes))
		}
		wantEnds(t, rows, "chat", map[string]time.Duration{"a": 10 * time.Second})
	})
}
