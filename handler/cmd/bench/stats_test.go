package main

import (
	"math"
	"testing"
	"time"
)

func TestPercentile_IsAValueThatWasMeasured(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, row := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{hundred[:1], 0.99, 1},
		{hundred[:2], 0.5, 1},
		{hundred[:3], 0.5, 2},
		{hundred, 0.5, 50},
		{hundred, 0.99, 99},
		{hundred, 1, 100},
		{hundred, 0, 1},
	} {
		if got := percentile(row.sorted, row.q); got != row.want {
			t.Errorf("percentile %v of %d values: %d, want %d", row.q, len(row.sorted), got, row.want)
		}
	}
	if !math.IsNaN(quantileOrNone(nil, 0.99)) {
		t.Error("a quantile of nothing is a number")
	}
}

func TestMedian_LeavesItsArgumentAsItWas(t *testing.T) {
	values := []float64{9, 1, 5, 3}
	if got := median(values); got != 4 || values[0] != 9 {
		t.Errorf("median %v of %v", got, values)
	}
	if got := median(values[:3]); got != 5 {
		t.Errorf("median %v of three", got)
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// The second round was slow for both: a ratio of medians would say 2 / 3.
func TestPaired_ComparesWithinARound(t *testing.T) {
	a, b := []float64{8, 1, 2}, []float64{16, 2, 3}
	if got := paired(a, b, ratio); got != 0.5 {
		t.Errorf("ratio %v, want 0.5", got)
	}
	if got := paired(a, b, difference); got != -1 {
		t.Errorf("difference %v, want -1", got)
	}
	if !math.IsNaN(paired(a, nil, ratio)) {
		t.Error("a ratio to what was not measured is a number")
	}
}
