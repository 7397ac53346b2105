package status

import (
	"math"
	"time"
)

// Buckets of a latency distribution: the first holds what takes up to a millisecond, each further one reaches a quarter
// further. The last holds the rest, from four minutes on.
const (
	buckets   = 58
	firstEdge = float64(time.Millisecond)
	growth    = 1.25
)

// bucketOf is the bucket that a duration falls into.
func bucketOf(d time.Duration) int {
	if d <= time.Millisecond {
		return 0
	}
	return min(int(math.Ceil(math.Log(float64(d)/firstEdge)/math.Log(growth))), buckets-1)
}

// distribution counts durations by bucket.
type distribution [buckets]uint32

// latency is nil where nothing was counted.
func (d *distribution) latency() *Latency {
	total := uint64(0)
	for _, n := range d {
		total += uint64(n)
	}
	if total == 0 {
		return nil
	}
	return &Latency{P50: d.quantile(total, 0.50), P95: d.quantile(total, 0.95)}
}

// quantile is the duration, in milliseconds, that a share of all durations does not exceed. Within a bucket durations
// are taken as spread evenly.
func (d *distribution) quantile(total uint64, share float64) float64 {
	rank, below := share*float64(total), 0.0
	for i, n := range d {
		if n == 0 {
			continue
		}
		if next := below + float64(n); next < rank {
			below = next
			continue
		}
		low, high := 0.0, math.Pow(growth, float64(i))
		if i > 0 {
			low = high / growth
		}
		return math.Round(10*(low+(high-low)*(rank-below)/float64(n))) / 10
	}
	return 0
}
