package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is that of all threads, those that have ended included. Linux has a clock for every process, to the
// nanosecond: the figures in /proc are hundredths of a second, or lack the threads that have ended.
func processorTime(pids []int) time.Duration {
	total := time.Duration(0)
	for _, pid := range pids {
		const scheduled = 2 // CPUCLOCK_SCHED: time as the scheduler counts it
		var t unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|scheduled), &t) == nil {
			total += time.Duration(t.Nano())
		}
	}
	return total
}
