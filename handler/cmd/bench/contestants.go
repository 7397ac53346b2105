package main

import (
	"context"
	"os"

	"golang.org/x/sync/errgroup"

	"aoai-balancer/handler/internal/stack"
)

// The names of the targets, as in the tables.
const (
	nameDirect = "direct"
	nameNginx  = "nginx"
	nameBare   = "bare ReverseProxy"
	nameTable  = "handler, counter in table"
	nameMemory = "handler, counter in memory"

	nameHostedEmpty = "host, empty handler"
	nameHostedQuiet = "host, our handler at warn"
	nameHosted      = "host, our handler"
)

// contestants starts all that can be started here.
func (b *bench) contestants(ctx context.Context) ([]*target, error) {
	targets := []*target{b.direct}
	for _, start := range []struct {
		name string
		run  func(context.Context) ([]*target, error)
	}{
		{nameNginx, b.nginxTarget},
		{nameBare, b.bareTarget},
		{nameTable, b.tableTarget},
		{nameMemory, b.memoryTarget},
		{"the Functions host", b.hostTargets},
	} {
		b.progress.say("starting %s", start.name)
		started, err := start.run(ctx)
		if err != nil {
			return nil, err
		}
		targets = append(targets, started...)
	}
	return targets, nil
}

func (b *bench) nginxTarget(ctx context.Context) ([]*target, error) {
	if _, err := findNginx(); err != nil {
		return nil, b.without(nameNginx, err)
	}
	t, err := b.startNginx(ctx)
	return []*target{t}, err
}

func (b *bench) tableTarget(ctx context.Context) ([]*target, error) {
	if b.storage == nil {
		return nil, nil // it was said
	}
	h, err := b.startHandler(ctx, nameTable, settings(b.direct.addresses).WithCounter(b.storage.ConnectionString()))
	if err != nil {
		return nil, err
	}
	return []*target{&h.target}, nil
}

func (b *bench) memoryTarget(ctx context.Context) ([]*target, error) {
	h, err := b.startHandler(ctx, nameMemory, settings(b.direct.addresses))
	if err != nil {
		return nil, err
	}
	return []*target{&h.target}, nil
}

// hosted is a handler behind the Functions host.
type hosted struct {
	name, binary string
	settings     stack.Settings
}

// hostTargets are the Functions host with an empty handler, with ours, and with ours when it logs no calls: a line costs the
// host, too. Nobody reads their consoles, as in Azure there are none.
func (b *bench) hostTargets(ctx context.Context) ([]*target, error) {
	if _, err := stack.FindFunc(); err != nil {
		return nil, b.without("the Functions host", err)
	}
	nobody, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = nobody.Close() }()
	ours := b.tableIfAny()
	all := []hosted{
		{nameHostedEmpty, b.self, stack.Settings{roleName: roleEmpty}},
		{nameHostedQuiet, b.binary, ours.With("LOG_LEVEL", "warn")},
		{nameHosted, b.binary, ours},
	}
	processes := make([]*stack.Process, len(all))
	var starts errgroup.Group // each takes its time
	for i, h := range all {
		starts.Go(func() (err error) {
			processes[i], err = stack.StartHost(ctx, b.root, h.binary, 0, h.settings, nobody)
			return err
		})
	}
	err = starts.Wait()
	var targets []*target
	for i, p := range processes {
		if p != nil {
			b.stops = append(b.stops, p.Stop)
			targets = append(targets, &target{name: all[i].name, addresses: []string{address(p.URL)}, pids: []int{p.PID()}, compiles: true})
		}
	}
	return targets, err
}
