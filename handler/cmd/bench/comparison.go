package main

import (
	"fmt"
	"strconv"
)

// compared is a series as a table, one row a target.
func compared(all []*series) *table {
	t := &table{number: 2, columns: []string{
		"connections", "target", "p50", "added p50", "added p99", "req/s", "× direct", "× nginx",
		"CPU s / 1,000", "allocations / 1,000", "memory",
	}}
	for _, s := range all {
		for _, target := range s.targets {
			t.add(s.row(target)...)
		}
	}
	return t
}

func (s *series) row(t *target) []string {
	c := s.cells[t.name]
	row := []string{strconv.Itoa(s.connections), t.name, duration(median(c.p50))}
	if t.name == nameDirect {
		row = append(row, none, none)
	} else {
		row = append(row, duration(s.added(t.name, p50)), duration(s.added(t.name, p99)))
	}
	row = append(row, rate(median(c.rate)), times(s.ratio(t.name, nameDirect)), times(s.ratio(t.name, nameNginx)))
	if len(t.pids) == 0 {
		return append(row, none, none, none)
	}
	objects := none
	if c.used.allocations > 0 {
		objects = thousands(int(c.perThousand(float64(c.used.allocations))))
	}
	return append(row, fmt.Sprintf("%.3f", c.perThousand(c.used.cpu.Seconds())), objects, mebibytes(c.memory.resident))
}

func p50(c *cell) []float64 { return c.p50 }
func p99(c *cell) []float64 { return c.p99 }

// added is what a target takes longer than the backends themselves; NaN where it was not measured.
func (s *series) added(name string, of func(*cell) []float64) float64 {
	return paired(of(s.cell(name)), of(s.cell(nameDirect)), difference)
}

// ratio is the throughput of one target over another's; NaN where one was not measured.
func (s *series) ratio(name, other string) float64 {
	return paired(s.cell(name).rate, s.cell(other).rate, ratio)
}

// cell is empty for a target that was not measured.
func (s *series) cell(name string) *cell {
	if c := s.cells[name]; c != nil {
		return c
	}
	return &cell{}
}

// shares says who used the processor while each target was under load: the load itself takes its part.
func shares(s *series) *table {
	t := &table{number: 1, columns: []string{"target", "product, CPU µs a call", "load", "backends", "cores busy"}}
	for _, target := range s.targets {
		c := s.cells[target.name]
		calls := float64(c.calls) * 1000
		all := float64(c.used.cpu + c.loads + c.backends)
		seconds := float64(c.calls) / median(c.rate)
		t.add(target.name, rate(float64(c.used.cpu)/calls), rate(float64(c.loads)/calls), rate(float64(c.backends)/calls),
			times(all/1e9/seconds))
	}
	return t
}

// residents is the memory of each target after all loads.
func residents(targets []*target) *table {
	t := &table{number: 1, columns: []string{"target", "resident", "at most"}}
	for _, target := range targets {
		if len(target.pids) > 0 {
			m := target.memory()
			t.add(target.name, mebibytes(m.resident), mebibytes(m.peak))
		}
	}
	return t
}
