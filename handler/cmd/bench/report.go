package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// report is all that was measured. What was not is nil.
type report struct {
	machine    string
	others     float64 // cores that other programs used during the comparison, on average
	missing    []string
	plan       plan
	targets    []*target
	comparison []*series
	memory     *table
	growth     []growth
	counter    []counting
	starts     []starting
	sizes      *sizes
	uploads    *uploads
}

// write makes the page and its plot.
func (r *report) write(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(r.markdown()), 0o644); err != nil { //nolint:gosec // a page for everyone
		return err
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.svg"), []byte(plot(r.comparison)), 0o644) //nolint:gosec // a page for everyone
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\n"+
		"`make bench` measured this and wrote this page. It ran on: %s.\nLoad, backends and product shared the cores.", r.machine)
	if r.comparison != nil {
		fmt.Fprintf(&b, " Other programs used %.2f of a core during the comparison: the less, the better the figures.", r.others)
	}
	b.WriteString("\n\n")
	for _, m := range r.missing {
		fmt.Fprintf(&b, "**Not measured**: %s.\n\n", m)
	}
	r.writeComparison(&b)
	r.writeGrowth(&b)
	r.writeCounter(&b)
	r.writeStarts(&b)
	if all := r.verdicts(); len(all) > 0 {
		fmt.Fprintf(&b, "## Targets\n\n%s", judged(all))
	}
	return b.String()
}

const comparisonText = `## Beside nginx and the Functions host

Every target gets the same calls in interleaved rounds of %v, %d of them a line, and %d where a target below is decided; figures
are medians over the rounds, and what is added or a ratio is the median over pairs of one round. Two backends in a process
of their own answer at once.

* **direct**: the backends themselves, half of the connections to each.
* **nginx**: as a reverse proxy to the same two backends in turn, with one worker a core as Go uses every core, up to 128
  idle connections to the backends, answers unbuffered, bodies read whole before they are passed on, and an access log.
* **bare ReverseProxy**: net/http/httputil's proxy with net/http's transport and nothing else, not even a log, to the same
  two backends in turn: what a proxy in Go costs that does nothing else.
* **handler**: the built handler by itself, as the Functions host starts it.
* **host**: the same calls through Azure Functions Core Tools: an empty handler that answers by itself without any backend
  and logs nothing; ours with both backends behind it; and ours with LOG_LEVEL=warn, when it does not log calls either. Nobody
  reads the host's console.

What is not comparable: nginx neither sets a key by backend nor reads a body's or a stream's content, takes turns or
learns cooldowns. Both write an access log to a file here, while in Azure the host reads the handler's from a pipe. TLS
is off, and loopback has no distance: behind a real network the time that is added stays, and its share shrinks. Memory
is the sum over a target's processes, where shared pages count in each. Negative additions are noise.

`

func (r *report) writeComparison(b *strings.Builder) {
	if r.comparison == nil {
		return
	}
	fmt.Fprintf(b, comparisonText, r.plan.lasting, r.plan.rounds, r.plan.rounds*decisive)
	b.WriteString("![Requests a second by target, load and number of connections](benchmarks.svg)\n\n")
	for _, group := range byLoad(r.comparison) {
		fmt.Fprintf(b, "### %s\n\n%s\n", capital(group[0].load.name), compared(group))
	}
	b.WriteString("### Who used the processor\n\nAt 32 connections.\n\n")
	for _, s := range r.comparison {
		if s.connections == 32 {
			fmt.Fprintf(b, "%s:\n\n%s\n", capital(s.load.name), shares(s))
		}
	}
	fmt.Fprintf(b, "### Memory after all of this\n\n%s\n", r.memory)
}

const growthText = `## How cost grows

CPU is the handler's. A verdict compares the cost of a unit at each size with that at the size before, or where nothing may
grow with that at the first; up to × %.1f counts as measurement. Memory is that of the handler after the first round; one
handler serves several of the measurements, so that it shows what earlier lines left. With the counter in a table each
deployment has its own row; a handler updates some 40 rows a second at the most, however many deployments are called.

%s
`

func (r *report) writeGrowth(b *strings.Builder) {
	if r.growth != nil {
		fmt.Fprintf(b, growthText, tolerance, grown(r.growth))
	}
}

const counterText = `## The counter

Chat calls of 1 KB on %d connections, %v of them counted after as long to warm up. A proxy before Azurite adds time to each
of its calls and counts them. A claim is two: read and update. The first call is a process's very first, to a deployment
that has no row yet.

%s
`

func (r *report) writeCounter(b *strings.Builder) {
	if r.counter != nil {
		fmt.Fprintf(b, counterText, counterConnections, r.plan.counting, counted(r.counter))
	}
}

func (r *report) writeStarts(b *strings.Builder) {
	if r.starts != nil {
		fmt.Fprintf(b, "## Start\n\nFrom the start of the process to the first answer to `GET /`, %d times each. The first call comes after that; where there\n"+
			"is no key it cannot be answered.\n\n%s\n", r.plan.starts, started(r.starts))
	}
	if r.sizes != nil {
		s := r.sizes
		fmt.Fprintf(b, "## Memory\n\nA fresh handler holds %s, after %s requests %s (at most %s), and with %s idle streams %s.\n\n",
			mebibytes(s.fresh.resident), thousands(s.calls), mebibytes(s.after.resident), mebibytes(s.after.peak),
			thousands(s.streams), mebibytes(s.holding.resident))
	}
	if r.uploads != nil {
		fmt.Fprintf(b, "%s\n\n", r.uploads)
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
