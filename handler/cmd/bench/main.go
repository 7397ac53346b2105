// Command bench measures the built handler beside the backends themselves, nginx and the Functions host.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// longest bounds a whole run.
const longest = 15 * time.Minute

func main() { os.Exit(program()) }

// program gives the exit code.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if code, ok := play(ctx); ok {
		return code
	}
	o := options{plan: fullPlan()}
	quick := flag.Bool("quick", false, "measure less, for a look at a change")
	flag.BoolVar(&o.growth, "growth", false, "measure only how cost grows")
	flag.BoolVar(&o.counter, "counter", false, "measure only the counter")
	flag.StringVar(&o.out, "out", "", "`folder` for benchmarks.md and benchmarks.svg; empty: only print")
	flag.Parse()
	if *quick {
		o.plan = quickPlan()
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	debug.SetGCPercent(400) // memory is cheaper than this process's part of the processor
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

type options struct {
	plan            plan
	growth, counter bool   // that alone
	out             string // folder; empty: only print
}

// run measures, prints the report and writes it to a folder.
func run(ctx context.Context, o options, stdout, stderr io.Writer) error {
	b := &bench{plan: o.plan, progress: &progress{out: stderr, began: time.Now()}}
	defer b.stop()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r := &report{plan: b.plan}
	if err := b.measure(ctx, o, r); err != nil {
		return err
	}
	r.machine, r.missing = describeMachine(ctx), b.missing
	b.progress.say("done")
	fmt.Fprint(stdout, r.markdown())
	if o.out == "" {
		return nil
	}
	return r.write(o.out)
}

// measure fills the report.
func (b *bench) measure(ctx context.Context, o options, r *report) (err error) {
	whole := !o.growth && !o.counter
	if whole {
		err = b.compare(ctx, r)
	}
	if err == nil && (whole || o.growth) {
		r.growth, err = b.growths(ctx)
	}
	if err == nil && (whole || o.counter) {
		r.counter, err = b.measureCounter(ctx)
	}
	if err == nil && whole {
		err = b.measureRest(ctx, r)
	}
	return err
}

func (b *bench) measureRest(ctx context.Context, r *report) (err error) {
	if r.starts, err = b.measureStarts(ctx); err != nil {
		return err
	}
	s, err := b.measureSizes(ctx)
	if err != nil {
		return err
	}
	u, err := b.measureUploads(ctx)
	r.sizes, r.uploads = &s, &u
	return err
}

func (b *bench) compare(ctx context.Context, r *report) (err error) {
	if r.targets, err = b.contestants(ctx); err != nil {
		return err
	}
	others := watchOthers()
	if r.comparison, err = b.measureAll(ctx, r.targets); err != nil {
		return err
	}
	r.others = others()
	r.memory = residents(r.targets)
	return nil
}
