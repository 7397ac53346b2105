package main

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// watchOthers begins to watch the machine. What it returns tells how many cores have been used since then, on average, by
// others than this process and those below it: what disturbs a measurement. Processes that end meanwhile count as others.
func watchOthers() (cores func() float64) {
	used := func() time.Duration { return busyTime() - processorTime(tree(os.Getpid())) }
	began, before := time.Now(), used()
	return func() float64 { return max(0, (used()-before).Seconds()/time.Since(began).Seconds()) }
}

// busyTime is the processor time of the whole machine, but for idling.
func busyTime() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	total := 0
	for i, f := range strings.Fields(line) {
		const idle, waiting = 4, 5
		if n, err := strconv.Atoi(f); err == nil && i != idle && i != waiting {
			total += n
		}
	}
	const tick = 10 * time.Millisecond // Linux tells times in hundredths of a second
	return time.Duration(total) * tick
}
