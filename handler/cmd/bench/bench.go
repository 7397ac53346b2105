package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"aoai-balancer/handler/internal/stack"
)

// bench is what every measurement needs: the built handler, the backends, storage.
type bench struct {
	plan     plan
	progress *progress
	root     string // of the module
	dir      string // for all files
	binary   string // the handler
	self     string // this program
	storage  *stack.Storage
	direct   *target // the two backends without anything before them
	backends []int   // ids of the backends' processes
	missing  []string

	stops []func() // what ends that which was started, the last first
}

// prepare builds and starts what all measurements share. What it started ends with stop, also after an error.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.root, err = stack.ModuleRoot(); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	b.stops = append(b.stops, func() { _ = os.RemoveAll(b.dir) })
	b.progress.say("building the handler")
	b.binary = filepath.Join(b.dir, "handler")
	if err = stack.Build(ctx, b.root, b.binary); err != nil {
		return err
	}
	b.direct = &target{name: "direct"}
	if b.direct.addresses, err = b.startBackends(ctx, 2); err != nil {
		return err
	}
	b.progress.say("starting Azurite")
	b.storage, err = stack.Azurite(ctx, nil)
	if errors.Is(err, stack.ErrNoNode) {
		return b.without("Azurite", err)
	}
	if err == nil {
		b.stops = append(b.stops, b.storage.Stop)
	}
	return err
}

func (b *bench) stop() {
	for _, stop := range slices.Backward(b.stops) {
		stop()
	}
}

// without says loudly that something is left out. Where CI=true nothing may be.
func (b *bench) without(what string, why error) error {
	if os.Getenv("CI") == "true" {
		return why
	}
	b.missing = append(b.missing, fmt.Sprintf("%s: %v", what, why))
	b.progress.say("MISSING, NOT MEASURED: %s: %v", what, why)
	return nil
}

// startBackends starts one process that is so many backends and gives their addresses.
func (b *bench) startBackends(ctx context.Context, count int) ([]string, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.self)
	cmd.Env = append(os.Environ(), roleName+"="+roleBackend, listenersName+"="+strconv.Itoa(count))
	p, err := stack.Start(cmd)
	if err != nil {
		return nil, err
	}
	b.stops = append(b.stops, p.Stop)
	b.backends = append(b.backends, p.PID())
	var addresses []string
	for entry := range p.Log.Follow(ctx) {
		if addresses = append(addresses, entry.Address); len(addresses) == count {
			return addresses, nil
		}
	}
	return nil, fmt.Errorf("the backends do not listen:\n%s", p.Log.Tail())
}
