package status

import (
	"sync/atomic"
	"time"

	"aoai-balancer/handler/internal/telemetry"
)

// headroom is what a backend said last of its limits. Its fields are set one by one: two answers at once may mix, which
// the next one mends.
type headroom struct {
	told              atomic.Int64 // when, in Unix nanoseconds; 0: never
	remainingRequests atomic.Int64 // -1: not said, likewise below
	remainingTokens   atomic.Int64
	limitRequests     atomic.Int64
	limitTokens       atomic.Int64
	utilization       atomic.Int64 // in tenths of a percent
}

func (h *headroom) set(now time.Time, told telemetry.Headroom) {
	h.remainingRequests.Store(told.RemainingRequests)
	h.remainingTokens.Store(told.RemainingTokens)
	h.limitRequests.Store(told.LimitRequests)
	h.limitTokens.Store(told.LimitTokens)
	h.utilization.Store(int64(10 * told.Utilization))
	h.told.Store(now.UnixNano())
}

// document is nil where the backend never said anything.
func (h *headroom) document(now time.Time) *Headroom {
	told := h.told.Load()
	if told == 0 {
		return nil
	}
	d := &Headroom{
		AgeMS:             max(now.Sub(time.Unix(0, told)).Milliseconds(), 0),
		RemainingRequests: known(&h.remainingRequests),
		RemainingTokens:   known(&h.remainingTokens),
		LimitRequests:     known(&h.limitRequests),
		LimitTokens:       known(&h.limitTokens),
	}
	if tenths := h.utilization.Load(); tenths >= 0 {
		percent := float64(tenths) / 10
		d.UtilizationPercent = &percent
	}
	return d
}

func known(n *atomic.Int64) *int64 {
	if v := n.Load(); v >= 0 {
		return &v
	}
	return nil
}
