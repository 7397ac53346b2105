package backend_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// told is what a shared Health passed on.
type told struct {
	backend    int
	deployment string
	wait       time.Duration
	cause      backend.Cause
}

// sharing makes the health tell into the list that is returned.
func sharing(h *backend.Health) *[]told {
	all := new([]told)
	h.Share(func(i int, deployment string, until time.Time, cause backend.Cause) {
		*all = append(*all, told{i, deployment, time.Until(until), cause})
	})
	return all
}

func TestShare_TellsWhatABackendAskedForAndNothingElse(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(*backend.Attempt)
		want []told
	}{
		{"429 with a wait", func(x *backend.Attempt) { x.Throttled(20 * time.Second) }, []told{{a, "d", 20 * time.Second, backend.Throttled}}},
		{"429 with a day", func(x *backend.Attempt) { x.Throttled(24 * time.Hour) }, []told{{a, "d", 2 * time.Minute, backend.Throttled}}},
		{"503 with a wait", func(x *backend.Attempt) { x.Failed(time.Second) }, []told{{a, "d", time.Second, backend.Failed}}},
		{"429 with a short wait", func(x *backend.Attempt) { x.Throttled(999 * time.Millisecond) }, nil},
		{"429 without a wait", func(x *backend.Attempt) { x.Throttled(0) }, nil},
		{"500", func(x *backend.Attempt) { x.Failed(0) }, nil},
		{"unreachable", func(x *backend.Attempt) { x.Unreachable() }, nil},
		{"401", func(x *backend.Attempt) { x.Unauthorized() }, nil},
		{"missing", func(x *backend.Attempt) { x.Missing() }, nil},
		{"success", (*backend.Attempt).Succeeded, nil},
		{"the second outcome", func(x *backend.Attempt) { x.Ignored(); x.Throttled(time.Minute); x.Failed(time.Minute) }, nil},
	} {
		inBubble(t, func(t *testing.T, h *backend.Health) {
			all := sharing(h)
			row.end(begin(t, h, a, "d"))
			if !slices.Equal(*all, row.want) {
				t.Errorf("%s told %v, want %v", row.name, *all, row.want)
			}
		})
	}
}

func TestCool_ExtendsNeverShortensAndIsCapped(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		for _, row := range []struct {
			ahead, want time.Duration
			cause, is   backend.Cause
		}{
			{-time.Second, 0, backend.Throttled, backend.None},
			{20 * time.Second, 20 * time.Second, backend.Throttled, backend.Throttled},
			{10 * time.Second, 20 * time.Second, backend.Failed, backend.Throttled},
			{30 * time.Second, 30 * time.Second, backend.Failed, backend.Failed},
			{24 * time.Hour, 2 * time.Minute, backend.Throttled, backend.Throttled},
		} {
			h.Cool(a, "d", time.Now().Add(row.ahead), row.cause)
			block := h.Blocks("d")[a]
			if block.Cause != row.is || (row.want > 0 && time.Until(block.Until) != row.want) {
				t.Errorf("after %v more: %v for %v", row.ahead, block.Cause, time.Until(block.Until))
			}
		}
		wantReady(t, h, "other", both)
	})
}

func TestCool_LeavesTheBreakerAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		begin(t, h, a, "d").Failed(0)
		begin(t, h, a, "d").Failed(0)
		for range 5 {
			h.Cool(a, "d", time.Now().Add(time.Second), backend.Failed)
			time.Sleep(time.Second)
			wantReady(t, h, "d", both)
		}
		begin(t, h, a, "d").Failed(0)
		wantReady(t, h, "d", 1<<b)
	})
}

func TestUsed_ListsWhatAttemptsWereMadeForSinceLastAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, h *backend.Health) {
		begin(t, h, a, "before it was shared").Succeeded()
		sharing(h)
		for _, want := range [][]string{{"chat", "embeddings"}, {"chat"}, nil} {
			for range 3 {
				for _, deployment := range want {
					begin(t, h, b, deployment).Succeeded()
				}
			}
			begin(t, h, a, strings.Repeat("x", 65)).Succeeded()
			used := h.Used()
			slices.Sort(used)
			if !slices.Equal(used, want) {
				t.Errorf("used: %q, want %q", used, want)
			}
		}
		for i := range 5000 {
			begin(t, h, a, fmt.Sprint("name", i)).Succeeded()
		}
		if n := len(h.Used()); n != 1000 {
			t.Errorf("%d of 5,000 deployments are remembered", n)
		}
	})
}

func TestShare_CostsNoAllocationWhileNothingIsThrottled(t *testing.T) {
	allocations := func(shared bool) float64 {
		h := backend.NewHealth(2, 10*time.Second, 2*time.Minute)
		if shared {
			sharing(h)
		}
		names := []string{"chat", "embeddings"}
		return testing.AllocsPerRun(1000, func() {
			for _, name := range names {
				h.Ready(name)
				attempt, _ := h.Begin(a, name)
				attempt.Succeeded()
			}
		})
	}
	if alone, shared := allocations(false), allocations(true); alone != shared {
		t.Errorf("%v allocations a call, %v where cooldowns are shared", alone/2, shared/2)
	}
}

// Those who are told may ask back.
func TestShare_TellsWithoutHoldingTheHealthUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := backend.NewHealth(2, 10*time.Second, 2*time.Minute)
		var ready uint64
		h.Share(func(_ int, deployment string, _ time.Time, _ backend.Cause) { ready = h.Ready(deployment) })
		begin(t, h, a, "d").Throttled(time.Minute)
		if ready != 1<<b {
			t.Errorf("ready %02b when told", ready)
		}
	})
}
