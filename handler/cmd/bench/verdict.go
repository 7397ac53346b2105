package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// verdict is one target of the design beside what was measured.
type verdict struct {
	what     string
	wanted   float64
	measured float64 // NaN where it was not
	atLeast  bool    // wanted is the least; otherwise the most
	write    func(float64) string
}

func (v verdict) met() bool {
	if v.atLeast {
		return v.measured >= v.wanted
	}
	return v.measured <= v.wanted
}

func (v verdict) row() []string {
	bound, answer := "at most ", "not met"
	if v.atLeast {
		bound = "at least "
	}
	if v.met() {
		answer = "met"
	}
	by := none
	switch {
	case math.IsNaN(v.measured):
		answer = "not measured"
	case v.wanted != 0:
		by = fmt.Sprintf("%.0f %% of it", 100*v.measured/v.wanted)
	}
	return []string{v.what, bound + v.write(v.wanted), v.write(v.measured), answer, by}
}

func judged(all []verdict) *table {
	t := &table{number: 1, columns: []string{"target", "wanted", "measured", "", "by how much"}}
	for _, v := range all {
		t.add(v.row()...)
	}
	return t
}

// The most and the least that the design allows.
const (
	mostAdded    = 100 * time.Microsecond
	leastOfNginx = 0.5
	leastOfHost  = 0.7
	mostResident = 30 * megabyte
	mostStreams  = 100 * megabyte
	mostStart    = 50 * time.Millisecond

	mostUploadMemory = 300 * megabyte
	mostUploadDisk   = 512 * megabyte
)

// verdicts are the targets in the order of the design.
func (r *report) verdicts() []verdict {
	all := r.speedVerdicts()
	if r.sizes != nil {
		s := r.sizes
		all = append(all,
			atMost("resident after "+thousands(s.calls)+" requests", mostResident, float64(s.after.resident), megabytes),
			atMost(thousands(s.streams)+" idle streams", mostStreams, float64(s.holding.resident), megabytes))
	}
	if r.uploads != nil {
		u := r.uploads
		all = append(all,
			atMost(fmt.Sprintf("%d callers at once with 20 MB: memory", u.calls), mostUploadMemory, float64(u.memory.peak), megabytes),
			atMost("… files", mostUploadDisk, float64(u.disk), megabytes),
			atMost("… answered neither 200 nor 503 with Retry-After", 0, float64(u.lost), whole))
	}
	for _, s := range r.starts {
		all = append(all, atMost("start to first answer: "+s.name, float64(mostStart), median(s.took), duration))
	}
	return append(all, r.storageVerdicts()...)
}

// The design has targets for these loads on these numbers of connections.
func speedLoads() []load      { return []load{chat(kilobyte), stream(50)} }
func speedConnections() []int { return []int{1, 32} }

func decides(l load, connections int) bool {
	return slices.Contains(speedConnections(), connections) && slices.ContainsFunc(speedLoads(), func(s load) bool { return s.name == l.name })
}

// speedVerdicts come from the comparison. The product is what instances run: the counter in a table.
func (r *report) speedVerdicts() []verdict {
	if r.comparison == nil {
		return nil
	}
	product := nameTable
	if r.find(chat(kilobyte).name, 1).cells[product] == nil {
		product = nameMemory
	}
	var all []verdict
	for _, l := range speedLoads() {
		line := r.find(l.name, 1)
		what := "added p50 at 1 connection: " + l.name
		if line.cells[nameNginx] != nil {
			what += " (nginx: " + duration(line.added(nameNginx, p50)) + ")"
		}
		all = append(all, atMost(what, float64(mostAdded), line.added(product, p50), duration))
	}
	for _, l := range speedLoads() {
		all = append(all, atLeast("throughput of nginx's at 32 connections: "+l.name, leastOfNginx, r.find(l.name, 32).ratio(product, nameNginx)))
	}
	for _, l := range speedLoads() {
		line := r.find(l.name, 32)
		what := "throughput of the empty handler's behind the host at 32 connections: " + l.name
		if line.cells[nameHostedQuiet] != nil {
			what += " (without a log line a call: " + times(line.ratio(nameHostedQuiet, nameHostedEmpty)) + ")"
		}
		all = append(all, atLeast(what, leastOfHost, line.ratio(nameHosted, nameHostedEmpty)))
	}
	return all
}

// storageVerdicts: no warm call waits for storage.
func (r *report) storageVerdicts() []verdict {
	var all []verdict
	for _, c := range r.counter {
		if c.delay < slowStorage {
			continue
		}
		what := fmt.Sprintf("warm calls that waited for storage: of %s, %d processes, %v added to storage",
			thousands(len(c.round.took)), c.processes, c.delay)
		waited := math.NaN() // nothing could be waited for
		if len(c.rows.done) > 0 {
			waited = float64(c.waited())
		}
		all = append(all, atMost(what, 0, waited, whole))
	}
	return all
}

func atMost(what string, wanted, measured float64, write func(float64) string) verdict {
	return verdict{what, wanted, measured, false, write}
}

func atLeast(what string, wanted, measured float64) verdict {
	return verdict{what, wanted, measured, true, times}
}

func megabytes(bytes float64) string { return mebibytes(uint64(bytes)) }

func whole(n float64) string {
	if math.IsNaN(n) {
		return none
	}
	return thousands(int(n))
}

// find gives the series of a load; one without any cells where it was not measured.
func (r *report) find(name string, connections int) *series {
	for _, s := range r.comparison {
		if s.load.name == name && s.connections == connections {
			return s
		}
	}
	return &series{}
}
