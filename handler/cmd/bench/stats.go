package main

import (
	"math"
	"slices"
	"time"
)

// percentile is the smallest of the sorted values that a share q of them does not exceed; 0 where there are none.
func percentile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// median is NaN where there are no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// paired is the median of f over the rounds of two targets: rounds of the same number ran one after the other, so that
// what slowed one has most likely slowed the other.
func paired(a, b []float64, f func(a, b float64) float64) float64 {
	values := make([]float64, min(len(a), len(b)))
	for i := range values {
		values[i] = f(a[i], b[i])
	}
	return median(values)
}

func difference(a, b float64) float64 { return a - b }

func ratio(a, b float64) float64 { return a / b }

// quantileOrNone is NaN where there are no values.
func quantileOrNone(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return float64(percentile(sorted, q))
}
