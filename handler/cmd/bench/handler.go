package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"aoai-balancer/handler/internal/stack"
)

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
