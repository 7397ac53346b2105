package main

import (
	"fmt"
	"strings"
)

// report is all that was measured. What was not is nil.
type report struct {
	machine    string
	missing    []string
	targets    []*target
	comparison []*series
	memory     *table
}

func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n")
	fmt.Fprintf(&b, "On: %s.\n\n", r.machine)
	for _, m := range r.missing {
		fmt.Fprintf(&b, "**Not measured**: %s.\n\n", m)
	}
	r.writeComparison(&b)
	return b.String()
}

func (r *report) writeComparison(b *strings.Builder) {
	for rest := r.comparison; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].load.name == rest[0].load.name {
			n++
		}
		fmt.Fprintf(b, "### %s\n\n%s\n", rest[0].load.name, compared(rest[:n]))
		rest = rest[n:]
	}
	for _, s := range r.comparison {
		if s.connections == 32 {
			fmt.Fprintf(b, "### processor: %s, %d connections\n\n%s\n", s.load.name, s.connections, shares(s))
		}
	}
	if r.memory != nil {
		fmt.Fprintf(b, "### memory\n\n%s\n", r.memory)
	}
}

func (r *report) write(string) error { return nil }
