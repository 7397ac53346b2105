package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// check is one thing that has to be so.
type check struct {
	holds bool
	says  string
}

// report prints what came of the run, and reports whether all is as it should be.
func report(out io.Writer, p *parts, w *watch) bool {
	l := p.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(out, "\nSent %d calls: %s\n", l.sent, listed(l.kinds))
	fmt.Fprintf(out, "Their ends: %s\n", listed(l.ends))
	fmt.Fprintf(out, "Callers that left are in the access log: %s\n", listed(l.left))
	fmt.Fprintf(out, "Attempts: %s\n", listed(l.attempts))
	fmt.Fprintf(out, "Done to them: %s\n", listed(p.faults.counts))
	fmt.Fprintf(out, "Events in the log: %s\n", listed(l.events))
	fmt.Fprintf(out, "\n%-34s %22s %22s\n", "", "A", "B")
	for _, row := range w.rows() {
		fmt.Fprintf(out, "%-34s %22s %22s\n", row[0], row[1], row[2])
	}
	fmt.Fprintf(out, "They were back at the start's level %.0f s after the load.\n\n", w.rested.Seconds())
	fine := true
	for _, c := range checks(p, w) {
		mark := map[bool]string{true: "ok ", false: "NOT"}[c.holds]
		fmt.Fprintf(out, "%s  %s\n", mark, c.says)
		fine = fine && c.holds
	}
	for _, example := range l.examples {
		fmt.Fprintf(out, "     %.600s\n", example)
	}
	return fine
}

// rows are what the handlers held: before any call, after the warm-up, and at rest.
func (w *watch) rows() (rows [][3]string) {
	row := func(name string, of func(l level) any) {
		cells := [3]string{name}
		for i := range w.before {
			cells[i+1] = fmt.Sprintf("%v / %v / %v", of(w.before[i]), of(w.warm[i]), of(w.after[i]))
		}
		rows = append(rows, cells)
	}
	rows = append(rows, [3]string{"", "before / warm / after", "before / warm / after"})
	row("goroutines", func(l level) any { return known(l.goroutines) })
	row("file descriptors", func(l level) any { return l.Descriptors })
	row("… of them sockets", func(l level) any { return l.Sockets })
	row("threads", func(l level) any { return l.Threads })
	row("temporary files", func(l level) any { return l.TempFiles })
	row("memory, MB", func(l level) any { return l.Resident >> 20 })
	row("memory at the most, MB", func(l level) any { return l.MostMemory >> 20 })
	return rows
}

// checks is the verdict. The ledger's lock is held.
func checks(p *parts, w *watch) []check {
	l, total := p.ledger, 0
	for _, n := range l.ends {
		total += n
	}
	gone := l.ends["left"]
	all := []check{
		{total == l.sent && l.ends["lost"] == 0 && len(l.accounts) == 0,
			fmt.Sprintf("every call is accounted for: %d answered = %d sent − %d whose callers left", total-gone-l.ends["lost"], l.sent, gone)},
		{l.tableTurns > 0, fmt.Sprintf("turns: %d from the table, %d local", l.tableTurns, l.localTurns)},
		{l.bodies > 0, fmt.Sprintf("bodies: %d arrived whole at a backend, %d answers compared by hash", l.bodies, l.ends["200"])},
		{l.ends["200"] >= (total-gone)*9/10, fmt.Sprintf("served: %.2f %% of the calls whose callers stayed", 100*float64(l.ends["200"])/float64(max(total-gone, 1)))},
		{l.ends["broken"] > 0, fmt.Sprintf("broken answers that their callers could see: %d", l.ends["broken"])},
		{w.files > 0, fmt.Sprintf("large bodies went to temporary files: at the most %d at a time were seen", w.files)},
		{p.faults.counts["storage lost"] > 0 && p.faults.counts["key rotated"] > 0 && l.attempts["credential_renewed"] > 0,
			fmt.Sprintf("storage was lost %d times and keys rotated %d times; %d calls met a new key", p.faults.counts["storage lost"], p.faults.counts["key rotated"], l.attempts["credential_renewed"])},
	}
	for _, what := range w.held() {
		all = append(all, check{false, what})
	}
	for _, what := range sorted(l.faults) {
		all = append(all, check{false, fmt.Sprintf("%s: %d times", what, l.faults[what])})
	}
	if len(l.faults) == 0 {
		all = append(all, check{true, "no table turn twice, one line of the access log a call, no answer but a backend's, no break unseen"})
	}
	if len(w.held()) == 0 {
		all = append(all, check{true, "goroutines, file descriptors, temporary files and memory are back"})
	}
	return all
}

func sorted(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }

func listed(counts map[string]int) string {
	parts := make([]string, 0, len(counts))
	for _, name := range sorted(counts) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
