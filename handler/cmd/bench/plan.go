package main

import "time"

// plan is what is measured and for how long.
type plan struct {
	quick       bool
	loads       []load
	connections []int
	rounds      int
	lasting     time.Duration // of a round
}

func fullPlan() plan {
	return plan{
		loads:       []load{chat(kilobyte), chat(100 * kilobyte), stream(50), embeddings()},
		connections: []int{1, 8, 32, 128},
		rounds:      5, lasting: 400 * time.Millisecond,
	}
}

// quickPlan is for a look at a change.
func quickPlan() plan {
	return plan{
		quick: true,
		loads: []load{chat(kilobyte), stream(50)}, connections: []int{1, 32},
		rounds: 3, lasting: 250 * time.Millisecond,
	}
}
