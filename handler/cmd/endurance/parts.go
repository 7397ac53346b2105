package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// parts is everything that runs.
type parts struct {
	ledger   *ledger
	dir      string // for what lives as long as this program
	temp     string // where the handlers make temporary files
	backends []*stack.Backend
	vault    *simulator.Vault
	storage  *stack.Storage
	handlers []*stack.Process
	faults   faults
	stops    []func() // to be called in the opposite order
	readers  sync.WaitGroup
}

func (p *parts) stop() {
	for _, stop := range slices.Backward(p.stops) {
		stop()
	}
	p.stops = nil
	p.readers.Wait()
}

func (p *parts) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	binary, err := p.build(ctx)
	if err != nil {
		return err
	}
	if err := p.startBackends(ctx); err != nil {
		return err
	}
	if err := p.startVault(); err != nil { //nolint:contextcheck // the vault ends by its Close
		return err
	}
	// Its life is this program's, not that of the preparation.
	if p.storage, err = stack.Azurite(context.WithoutCancel(ctx), nil); err != nil {
		return err
	}
	p.stops = append(p.stops, p.storage.Stop)
	return p.startHandlers(ctx, binary)
}

func (p *parts) build(ctx context.Context) (binary string, err error) {
	root, err := stack.ModuleRoot()
	if err != nil {
		return "", err
	}
	if p.dir, err = os.MkdirTemp("", "handler-endurance-"); err != nil {
		return "", err
	}
	p.stops = append(p.stops, func() { _ = os.RemoveAll(p.dir) })
	p.temp = filepath.Join(p.dir, "temp")
	if err := os.Mkdir(p.temp, 0o700); err != nil {
		return "", err
	}
	binary = filepath.Join(p.dir, "handler")
	return binary, stack.Build(ctx, root, binary)
}

func (p *parts) startBackends(ctx context.Context) error {
	for _, name := range []string{"westeurope", "eastus", "swedencentral"} {
		options := simulator.Options{Words: 12, FirstDelay: 3 * time.Millisecond, TokenDelay: 2 * time.Millisecond, NoRecord: true}
		b, err := stack.StartBackendBehind(ctx, name, options, func(resource http.Handler) http.Handler {
			return &witness{ledger: p.ledger, backend: name, resource: resource}
		})
		if err != nil {
			return err
		}
		p.stops = append(p.stops, b.Stop)
		p.backends = append(p.backends, b)
	}
	return nil
}

func (p *parts) startVault() (err error) {
	if p.vault, err = simulator.NewVault(); err != nil {
		return err
	}
	p.stops = append(p.stops, func() { _ = p.vault.Close() })
	for _, b := range p.backends {
		p.vault.SetSecret(b.Name, b.Key)
	}
	_, err = p.vault.CertificateFile(p.dir)
	return err
}

// startHandlers starts two processes that share the table. Times are short, so that faults take effect within the run.
func (p *parts) startHandlers(ctx context.Context, binary string) error {
	settings := stack.NewVaultSettings(p.vault.Environment(), p.backends...).WithCounter(p.storage.ConnectionString())
	maps.Copy(settings, stack.Settings{
		"REQUEST_TIMEOUT": "5s", "STREAM_IDLE_TIMEOUT": "2s", "COOLDOWN_DEFAULT": "500ms", "RETRY_INTERVAL": "1s", "TMPDIR": p.temp,
	})
	for range 2 {
		h, err := stack.StartHandler(ctx, binary, 0, settings)
		if err != nil {
			return fmt.Errorf("the handler did not start: %w", err)
		}
		p.stops = append(p.stops, h.Stop)
		p.handlers = append(p.handlers, h)
		p.readers.Go(func() { p.ledger.read(h.Log) })
	}
	return nil
}

// endure lets callers, faults, outages of storage and rotations of keys loose together, until the time is over and
// every call is settled.
func (p *parts) endure(ctx context.Context, w *watch, length time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, length, errEnough)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var all sync.WaitGroup
	all.Go(func() { w.progress(ctx, length) })
	all.Go(func() { p.faults.disturb(ctx, p.backends) })
	all.Go(func() { p.rotateKeys(ctx, length) })
	all.Go(func() {
		if err := p.loseStorage(ctx, length); err != nil {
			fail(err)
		}
	})
	for _, h := range p.handlers {
		all.Go(func() {
			select {
			case <-h.Ended():
				fail(fmt.Errorf("a handler ended by itself; its log ends with\n%s", h.Log.Tail()))
			case <-ctx.Done():
			}
		})
	}
	p.load(ctx)
	all.Wait()
	if err := context.Cause(ctx); err != errEnough { //nolint:errorlint // this very one, or another that may wrap anything
		return err
	}
	return nil
}
