package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"aoai-balancer/handler/internal/stack"
)

// growth is how the cost of a call grows with one thing.
type growth struct {
	name   string // of the thing
	unit   string // of the cost: what the cost of a call is divided by; empty: the cost must not grow at all
	points []point
}

// point is the cost at one size of the thing.
type point struct {
	label  string
	units  float64
	cpu    float64 // of the handler, ns a call
	p50    float64 // ns, of the whole call
	calls  int
	memory memory
}

// trial is a point to be measured.
type trial struct {
	label       string
	units       float64
	target      *target
	load        load
	connections int
}

// tolerance is by how much a cost may exceed linear growth, or none: these are measurements.
const tolerance = 1.3

// verdict compares each point with the one before, or where nothing may grow with the first.
func (g *growth) verdict() string {
	if g.points[0].cpu == 0 {
		return g.memoryVerdict()
	}
	worst := 0.0
	for i := 1; i < len(g.points); i++ {
		before, p := g.points[i-1], g.points[i]
		if g.unit == "" {
			before = g.points[0]
			worst = max(worst, p.cpu/before.cpu)
			continue
		}
		worst = max(worst, p.perUnit()/before.perUnit())
	}
	good, bad := "no worse than linear", "WORSE THAN LINEAR"
	if g.unit == "" {
		good, bad = "flat", "NOT FLAT"
	}
	if worst > tolerance {
		good = bad
	}
	return fmt.Sprintf("%s (at most × %.2f)", good, worst)
}

// memoryVerdict is for what costs memory alone.
func (g *growth) memoryVerdict() string {
	first, last := g.points[0], g.points[len(g.points)-1]
	each := (float64(last.memory.resident) - float64(first.memory.resident)) / (last.units - first.units)
	return fmt.Sprintf("%.0f KB each", each/kilobyte)
}

func (p point) perUnit() float64 { return p.cpu / p.units }

// measure runs the trials in interleaved rounds.
func (b *bench) measureGrowth(ctx context.Context, g growth, trials []trial) (growth, error) {
	b.progress.say("growth: %s", g.name)
	cells := make([]cell, len(trials))
	for n := range b.plan.growthRounds {
		for i, t := range trials {
			r, err := t.target.run(ctx, t.load, t.connections, b.plan.growing, b.backends)
			if err != nil {
				return g, fmt.Errorf("growth, %s %s: %w", g.name, t.label, err)
			}
			cells[i].add(r)
			if n == 0 { // later rounds find what larger ones left
				cells[i].memory = t.target.memory()
			}
		}
	}
	for i, t := range trials {
		c := cells[i]
		g.points = append(g.points, point{t.label, t.units, c.cpuPerCall(), median(c.p50), c.calls, c.memory})
	}
	return g, ctx.Err()
}

// growths measures how cost grows with everything that a user may have much of.
func (b *bench) growths(ctx context.Context) (all []growth, err error) {
	h, err := b.startHandler(ctx, "handler", b.tableIfAny())
	if err != nil {
		return nil, err
	}
	defer h.process.Stop()
	for _, measure := range []func(context.Context, *target) (growth, error){
		b.growBackends, b.growDeployments, b.growShared, b.growBodies, b.growFiles, b.growEvents, b.growStreams, b.growIdle, b.growNames,
	} {
		g, err := measure(ctx, &h.target)
		if err != nil {
			return all, err
		}
		all = append(all, g)
	}
	return all, nil
}

func (b *bench) tableIfAny() stack.Settings {
	s := settings(b.direct.addresses)
	if b.storage != nil {
		return s.WithCounter(b.storage.ConnectionString())
	}
	return s
}

func (b *bench) growBackends(ctx context.Context, _ *target) (growth, error) {
	addresses, err := b.startBackends(ctx, 50)
	if err != nil {
		return growth{}, err
	}
	var trials []trial
	for _, n := range []int{2, 10, 50} {
		h, err := b.startHandler(ctx, "handler", settings(addresses[:n]))
		if err != nil {
			return growth{}, err
		}
		defer h.process.Stop()
		trials = append(trials, trial{strconv.Itoa(n), float64(n), &h.target, chat(kilobyte), 8})
	}
	return b.measureGrowth(ctx, growth{name: "backends"}, trials)
}

// growDeployments is about what happens within a process.
func (b *bench) growDeployments(ctx context.Context, _ *target) (growth, error) {
	h, err := b.startHandler(ctx, "handler", settings(b.direct.addresses))
	if err != nil {
		return growth{}, err
	}
	defer h.process.Stop()
	return b.growNamed(ctx, "deployments, counter in memory", &h.target)
}

// growShared is about the rows as well: each deployment has its own.
func (b *bench) growShared(ctx context.Context, t *target) (growth, error) {
	return b.growNamed(ctx, "deployments, counter in table", t)
}

func (b *bench) growNamed(ctx context.Context, name string, t *target) (growth, error) {
	var trials []trial
	for _, n := range []int{1, 100, 1000} {
		l := chat(kilobyte).over(n)
		if err := visit(ctx, t, l, 2*n); err != nil {
			return growth{}, err
		}
		trials = append(trials, trial{thousands(n), float64(n), t, l, 8})
	}
	return b.measureGrowth(ctx, growth{name: name}, trials)
}

// visit calls deployments in turn, so that each has its row and a stock of turns.
func visit(ctx context.Context, t *target, l load, calls int) error {
	all, err := connect(ctx, t.addresses, l, 8)
	if err != nil {
		return err
	}
	defer all.close()
	all.number(max(calls, len(all)))
	return all.failure()
}

func (b *bench) growBodies(ctx context.Context, t *target) (growth, error) {
	return b.growSizes(ctx, growth{name: "bytes of a request kept in memory", unit: "KB"}, t, b.plan.bodies)
}

func (b *bench) growFiles(ctx context.Context, t *target) (growth, error) {
	return b.growSizes(ctx, growth{name: "bytes of a request kept on disk", unit: "KB"}, t, b.plan.files)
}

func (b *bench) growSizes(ctx context.Context, g growth, t *target, all []int) (growth, error) {
	var trials []trial
	for _, size := range all {
		trials = append(trials, trial{byteSize(size), float64(size) / kilobyte, t, chat(size), 2})
	}
	return b.measureGrowth(ctx, g, trials)
}

func (b *bench) growEvents(ctx context.Context, t *target) (growth, error) {
	var trials []trial
	for _, n := range b.plan.events {
		trials = append(trials, trial{thousands(n), float64(n), t, stream(n), 2})
	}
	return b.measureGrowth(ctx, growth{name: "events of a stream", unit: "event"}, trials)
}

func (b *bench) growStreams(ctx context.Context, t *target) (growth, error) {
	var trials []trial
	for _, n := range slices.Compact([]int{1, 10, 100, b.plan.streams}) {
		// A call's cost must not depend on how many others there are.
		trials = append(trials, trial{thousands(n), float64(n), t, stream(50), n})
	}
	return b.measureGrowth(ctx, growth{name: "streams at once, of 50 events each"}, trials)
}

// growIdle is about memory alone: the figures of time are not to be had.
func (b *bench) growIdle(ctx context.Context, _ *target) (growth, error) {
	g := growth{name: "idle streams at once"}
	b.progress.say("growth: %s", g.name)
	for _, n := range slices.Compact([]int{1, 10, 100, b.plan.streams}) {
		m, err := b.memoryOfStreams(ctx, n)
		if err != nil {
			return g, err
		}
		g.points = append(g.points, point{label: thousands(n), units: float64(n), calls: n, memory: m})
	}
	return g, nil
}

// growNames is about a caller who makes up names: those that are not used any more must be forgotten.
func (b *bench) growNames(ctx context.Context, _ *target) (growth, error) {
	g := growth{name: "names of deployments, ever"}
	b.progress.say("growth: %s", g.name)
	h, err := b.startHandler(ctx, "handler", b.tableIfAny())
	if err != nil {
		return g, err
	}
	defer h.process.Stop()
	for _, n := range b.plan.names {
		if err := visit(ctx, &h.target, chat(kilobyte).over(n), n); err != nil {
			return g, err
		}
		g.points = append(g.points, point{label: thousands(n), units: float64(n), calls: n, memory: h.memory()})
	}
	return g, nil
}

func grown(all []growth) *table {
	t := &table{number: 2, columns: []string{"grows", "to", "CPU a call", "CPU per unit", "p50", "calls", "memory", "verdict"}}
	for _, g := range all {
		for i, p := range g.points {
			row := []string{"", p.label, none, none, none, thousands(p.calls), mebibytes(p.memory.resident), ""}
			if p.cpu > 0 {
				row[2], row[4] = duration(p.cpu), duration(p.p50)
			}
			if p.cpu > 0 && g.unit != "" {
				row[3] = fmt.Sprintf("%.0f ns/%s", p.perUnit(), g.unit)
			}
			if i == 0 {
				row[0] = g.name
			}
			if i == len(g.points)-1 {
				row[7] = g.verdict()
			}
			t.add(row...)
		}
	}
	return t
}
