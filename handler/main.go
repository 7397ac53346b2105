// Command handler is the Azure Functions custom handler: one URL in front of many Azure OpenAI resources.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/config"
	"aoai-balancer/handler/internal/proxy"
	"aoai-balancer/handler/internal/replay"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/server"
	"aoai-balancer/handler/internal/telemetry"
	"aoai-balancer/handler/internal/upstream"
)

func main() {
	tune()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// run is the whole program. It logs to stdout, returns nil only after ctx ended, and has logged any error it returns.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	log, err := telemetry.NewLogger(stdout, "info")
	if err != nil {
		return err
	}
	c, err := config.Load(getenv)
	if err != nil {
		logProblems(log, err)
		return err
	}
	if log, err = telemetry.NewLogger(stdout, c.LogLevel); err != nil {
		return err
	}
	if err = serve(ctx, c, log); err != nil {
		logProblems(log, err)
	}
	return err
}

// logProblems writes a line for each error that was joined.
func logProblems(log zerolog.Logger, err error) {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		log.Error().Str("event", "start_failed").Str("problem", err.Error()).Send()
		return
	}
	for _, problem := range joined.Unwrap() {
		log.Error().Str("event", "start_failed").Str("problem", problem.Error()).Send()
	}
}

func serve(ctx context.Context, c config.Config, log zerolog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	handler, err := assemble(ctx, c, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	log.Info().Str("event", "listening").Str("address", listener.Addr().String()).Int("backends", len(c.Backends)).Send()
	return server.Serve(ctx, listener, handler, log)
}

// assemble puts the parts together; nothing here waits for another machine.
func assemble(ctx context.Context, c config.Config, log zerolog.Logger) (http.Handler, error) {
	id := new(identities)
	backends, err := newBackends(ctx, c, id, log)
	if err != nil {
		return nil, err
	}
	table, err := newTable(c, id)
	if err != nil {
		return nil, err
	}
	health := backend.NewHealth(len(backends), c.CooldownDefault, c.CooldownMax)
	if table != nil {
		shareCooldowns(ctx, table, health, c, log)
	}
	cycle := newRotation(c.Backends)
	turns := newTurns(newCounter(table, log), cycle, log)
	o := proxy.Options{
		Backends:  backend.NewSet(backends),
		Health:    health,
		Rotation:  cycle,
		Turns:     turns,
		Bodies:    replay.NewPool(bodyLimits(c.MaxBodyBytes)),
		Homes:     newHomes(table, c, log),
		Transport: upstream.New(upstream.Options{Dial: new(net.Dialer).DialContext, Go: telemetry.Go(log)}),
		Go:        telemetry.Go(log),

		RetryStatus:       c.RetryStatus.Has,
		MaxRetries:        c.MaxRetries,
		RetryInterval:     c.RetryInterval,
		RequestTimeout:    c.RequestTimeout,
		AttemptTimeout:    c.AttemptTimeout,
		StreamIdleTimeout: c.StreamIdleTimeout,
		StickyKey:         c.StickyKey,
	}
	seen := newStatus(ctx, table, o, turns.Stats, names(c))
	return server.Routes(server.Options{Proxy: proxy.New(o), Status: seen, Observer: seen.Meter, Log: log}), nil
}

func newRotation(backends []config.Backend) *rotation.Rotation {
	members := make([]rotation.Member, len(backends))
	for i, b := range backends {
		members[i] = rotation.Member{Name: b.Name, Weight: b.Weight, Priority: b.Priority}
	}
	return rotation.New(members)
}

// bodyLimits fit a 2 GB instance with 0.8 GB of disk.
func bodyLimits(longest int64) replay.Limits {
	return replay.Limits{Memory: 1 << 20, MemoryTotal: 64 << 20, DiskTotal: 512 << 20, Max: longest}
}
