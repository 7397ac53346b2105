package cooldown_test

import (
	"context"
	"errors"
	"testing"
	"time"
)

// busy keeps an instance in use for a while.
func busy(t *testing.T, d time.Duration, instances ...*instance) {
	t.Helper()
	for range d / time.Second {
		for _, i := range instances {
			i.serve(t, "chat")
		}
		time.Sleep(time.Second)
	}
}

func wantNews(t *testing.T, i *instance, outages, recoveries int) {
	t.Helper()
	said, ended := i.news()
	if len(said) != outages || ended != recoveries {
		t.Fatalf("said %d outages and %d recoveries (%v), want %d and %d", len(said), ended, said, outages, recoveries)
	}
}

func TestOutage_IsSaidOnceAndItsEndOnce(t *testing.T) {
	for name, fail := range map[string]func(*table, bool){
		"storage fails":        func(t *table, on bool) { t.down = on },
		"storage falls silent": func(t *table, on bool) { t.hangs = on },
	} {
		inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
			told, other := start(ctx, seen{rows, 0}, names()), start(ctx, seen{rows, 0}, names())
			busy(t, 10*time.Second, told, other)
			rows.set(func(t *table) { fail(t, true) })
			told.throttled(t, "chat", 100*time.Second)
			busy(t, time.Minute, told, other)
			wantNews(t, told, 1, 0)
			wantNews(t, other, 1, 0)
			if left, _ := told.left(a, "chat"); left != 40*time.Second {
				t.Errorf("%s: what it was told itself lasts %v more", name, left)
			}
			if left, _ := other.left(a, "chat"); left > 0 {
				t.Errorf("%s: the other cools nevertheless", name)
			}
			before, _ := rows.calls()
			busy(t, time.Minute-30*time.Second, told, other)
			if during, _ := rows.calls(); len(during)-len(before) > 2*2*30 {
				t.Errorf("%s: %d calls in half a minute", name, len(during)-len(before))
			}
			rows.set(func(t *table) { fail(t, false) })
			busy(t, 9*time.Second, told, other)
			if left, _ := other.left(a, "chat"); left < 500*time.Millisecond {
				t.Errorf("%s: what lasts is not published when storage is back", name)
			}
			busy(t, 20*time.Second, told, other)
			wantNews(t, told, 1, 1)
			wantNews(t, other, 1, 1)
		})
	}
}

func TestOutage_AFailureNowAndThenIsNotSaid(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		for range 50 {
			rows.set(func(t *table) { t.down = true })
			busy(t, 2*time.Second, i)
			rows.set(func(t *table) { t.down = false })
			busy(t, 4*time.Second, i)
		}
		wantNews(t, i, 0, 0)
	})
}

// An identity may be allowed to read rows and not to write them.
func TestOutage_OfWritesAloneIsSaidOnceAlthoughRowsCanBeRead(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, rows *table) {
		i := start(ctx, seen{rows, 0}, names())
		rows.set(func(t *table) { t.denied = true })
		for range 5 {
			i.throttled(t, "chat", 20*time.Second)
			busy(t, 30*time.Second, i)
		}
		wantNews(t, i, 1, 0)
		if said, _ := i.news(); !errors.Is(said[0], errDown) {
			t.Errorf("said %v", said)
		}
		rows.set(func(t *table) { t.denied = false })
		i.throttled(t, "chat", 20*time.Second)
		busy(t, 5*time.Second, i)
		wantNews(t, i, 1, 1)
	})
}
