package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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
	for i := len(b.stops) - 1; i >= 0; i-- {
		b.stops[i]()
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

// place finds a port and a folder for a program's files.
func (b *bench) place(name string) (port int, dir string, err error) {
	if port, err = stack.FreePort(); err != nil {
		return 0, "", err
	}
	dir, err = os.MkdirTemp(b.dir, name+"-")
	return port, dir, err
}

// launch starts a program at a port and waits until it answers.
func (b *bench) launch(ctx context.Context, t *target, cmd *exec.Cmd, port int) (*stack.Process, error) {
	p, err := stack.Start(cmd)
	if err != nil {
		return nil, err
	}
	b.stops = append(b.stops, p.Stop)
	t.addresses, t.pids = []string{"127.0.0.1:" + strconv.Itoa(port)}, []int{p.PID()}
	if err := answers(ctx, t.addresses[0], p.Ended()); err != nil {
		return nil, fmt.Errorf("%s does not answer: %w\n%s", t.name, err, p.Log.Tail())
	}
	return p, nil
}

// startTime is the longest that a program may take until its first answer.
const startTime = 10 * time.Second

var errEnded = errors.New("it has ended")

// answers waits until GET / is answered. It asks every half millisecond, so that it can tell how long a start takes.
func answers(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(500 * time.Microsecond)
	defer ticker.Stop()
	for !ready(ctx, address) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			return errEnded
		case <-ticker.C:
		}
	}
	return nil
}

func ready(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return false
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err == nil && resp.StatusCode == http.StatusOK
}

// handlerTarget is our handler by itself.
type handlerTarget struct {
	target
	process *stack.Process
	started time.Duration // from its start to its first answer
}

// startHandler starts the handler with its log in a file: this process would have to read it from a pipe, and it takes
// its part of the processor.
func (b *bench) startHandler(ctx context.Context, name string, settings stack.Settings) (*handlerTarget, error) {
	port, dir, err := b.place("handler")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.binary)
	cmd.Env = settings.With("FUNCTIONS_CUSTOMHANDLER_PORT", strconv.Itoa(port)).Environment()
	cmd.Stdout, cmd.Stderr = log, log
	h := &handlerTarget{target: target{name: name, tells: true, logs: []string{path}}}
	began := time.Now()
	h.process, err = b.launch(ctx, &h.target, cmd, port)
	h.started = time.Since(began)
	if err != nil {
		said, _ := os.ReadFile(path)
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return h, nil
}

// settings are for a handler with these backends and the counter in memory.
func settings(addresses []string) stack.Settings {
	backends := make([]*stack.Backend, len(addresses))
	for i, address := range addresses {
		backends[i] = &stack.Backend{Name: "backend-" + strconv.Itoa(i), Key: "of-the-backend", URL: "http://" + address}
	}
	// No setting of this name holds a connection: the counter is in memory.
	return stack.NewSettings(backends...).With("COUNTER_CONNECTION", "NoConnection")
}

// address is a URL's host and port.
func address(url string) string { return strings.TrimPrefix(url, "http://") }
