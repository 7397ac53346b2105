package main

import "time"

// plan is what is measured and for how long.
type plan struct {
	loads       []load
	connections []int
	rounds      int
	lasting     time.Duration // of a round
	warming     time.Duration // each load on each target, before

	growthRounds int
	growing      time.Duration // a round of a point of growth
	bodies       []int         // bytes, up to what a handler keeps in memory
	files        []int         // bytes, beyond that
	events       []int
	names        []int // of deployments
	uploads      int   // of 20 MB at once

	delays   []time.Duration // added to storage
	counting time.Duration   // how long turns are counted

	starts  int // in each circumstance
	calls   int // before the memory is looked at
	streams int // idle at once
}

// decisive is how many times as many rounds a line gets that verdicts come from: one round says little where three programs
// share two cores.
const decisive = 3

func (p plan) roundsOf(l load, connections int) int {
	if decides(l, connections) {
		return p.rounds * decisive
	}
	return p.rounds
}

func fullPlan() plan {
	return plan{
		loads:       []load{chat(kilobyte), chat(100 * kilobyte), stream(50), embeddings()},
		connections: []int{1, 8, 32, 128},
		rounds:      5, lasting: 400 * time.Millisecond, warming: 500 * time.Millisecond,

		growthRounds: 3, growing: 500 * time.Millisecond,
		bodies: []int{kilobyte, 100 * kilobyte, megabyte},
		files:  []int{2 * megabyte, 10 * megabyte, 50 * megabyte},
		events: []int{10, 100, 1000, 10_000},
		names:  []int{1000, 10_000, 20_000}, uploads: 100,

		delays: []time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond}, counting: 4 * time.Second,

		starts: 5, calls: 100_000, streams: 1000,
	}
}

// quickPlan is for a look at a change: of the comparison, only what decides.
func quickPlan() plan {
	return plan{
		loads: speedLoads(), connections: speedConnections(),
		rounds: 1, lasting: 200 * time.Millisecond, warming: 200 * time.Millisecond,

		growthRounds: 1, growing: 150 * time.Millisecond,
		bodies: []int{kilobyte, 100 * kilobyte, megabyte},
		files:  []int{2 * megabyte, 10 * megabyte},
		events: []int{10, 100, 1000},
		names:  []int{100, 2000}, uploads: 40,

		delays: []time.Duration{50 * time.Millisecond}, counting: 1500 * time.Millisecond,

		starts: 2, calls: 10_000, streams: 1000,
	}
}
