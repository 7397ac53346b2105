package main

import (
	"context"

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
	nameEmpty  = "host, empty handler"
	nameHosted = "host, our handler"
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

// hostTargets are the Functions host with an empty handler, and with ours.
func (b *bench) hostTargets(ctx context.Context) ([]*target, error) {
	if _, err := stack.FindFunc(); err != nil {
		return nil, b.without("the Functions host", err)
	}
	var empty, hosted *stack.Process
	var both errgroup.Group // each takes its time to start
	both.Go(func() (err error) {
		empty, err = stack.StartHost(ctx, b.root, b.self, 0, stack.Settings{roleName: roleEmpty})
		return err
	})
	both.Go(func() (err error) {
		hosted, err = stack.StartHost(ctx, b.root, b.binary, 0, b.tableIfAny())
		return err
	})
	err := both.Wait()
	return []*target{b.hosting(nameEmpty, empty), b.hosting(nameHosted, hosted)}, err
}

// hosting takes a host that was started; nil where it was not.
func (b *bench) hosting(name string, p *stack.Process) *target {
	if p == nil {
		return nil
	}
	b.stops = append(b.stops, p.Stop)
	p.Log.TailOnly()
	return &target{name: name, addresses: []string{address(p.URL)}, pids: []int{p.PID()}}
}
