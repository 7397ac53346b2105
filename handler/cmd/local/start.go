package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// local is everything that runs, and what it runs on.
type local struct {
	screen   *screen
	port     int
	root     string // of the repository
	dir      string // for what lives as long as this program
	binary   string
	backends []*stack.Backend
	front    *stack.Process // the Functions host, or the handler by itself
	stops    []func()       // to be called in the opposite order

	host, keys, counter string // what serves as such, in words
}

// stop ends all that was started, the last first.
func (l *local) stop() {
	for _, stop := range slices.Backward(l.stops) {
		stop()
	}
	l.stops = nil
}

// start brings everything up; what this machine lacks is replaced, and said.
func (l *local) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	l.screen.say("Preparing: Azure OpenAI in two regions, Table Storage, Key Vault and Azure Functions, all on this machine.")
	if err := l.place(ctx); err != nil {
		return err
	}
	if err := l.screen.step("building the handler", func() error { return stack.Build(ctx, l.root, l.binary) }); err != nil {
		return err
	}
	if err := l.startBackends(ctx); err != nil {
		return err
	}
	settings, err := l.startVault() //nolint:contextcheck // the vault ends by its Close
	if err != nil {
		return err
	}
	if settings, err = l.startCounter(ctx, settings); err != nil {
		return err
	}
	return l.startFront(ctx, settings)
}

// place finds the repository, a port that is free and a folder.
func (l *local) place(ctx context.Context) (err error) {
	if l.root, err = stack.ModuleRoot(); err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(l.port)))
	if err != nil {
		return fmt.Errorf("port %d cannot be used (%w): end what listens there, or choose another with -port", l.port, err)
	}
	if err := listener.Close(); err != nil {
		return err
	}
	if l.dir, err = os.MkdirTemp("", "handler-local-"); err != nil {
		return err
	}
	l.stops = append(l.stops, func() { _ = os.RemoveAll(l.dir) })
	l.binary = filepath.Join(l.dir, "handler")
	if runtime.GOOS == "windows" {
		l.binary += ".exe"
	}
	return nil
}

// startBackends starts the regions of the original sample.
func (l *local) startBackends(ctx context.Context) error {
	for _, name := range []string{"westeurope", "eastus"} {
		b, err := stack.StartBackend(ctx, name, simulator.Options{
			Deployments: []simulator.Deployment{{Name: deployment}},
			FirstDelay:  80 * time.Millisecond,
			TokenDelay:  40 * time.Millisecond,
		})
		if err != nil {
			return err
		}
		l.stops = append(l.stops, b.Stop)
		l.backends = append(l.backends, b)
		l.screen.note("backend %-10s  %s  (simulated Azure OpenAI)", name, b.URL)
	}
	return nil
}

// startVault puts the backends' keys where the handler finds them, and gives the settings that say where.
func (l *local) startVault() (stack.Settings, error) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		l.keys = "literal keys in the settings"
		l.screen.note("keys                %s: %s trusts only the certificates of its own store, not the local vault's", l.keys, runtime.GOOS)
		return stack.NewSettings(l.backends...), nil
	}
	vault, err := simulator.NewVault()
	if err != nil {
		return nil, err
	}
	l.stops = append(l.stops, func() { _ = vault.Close() })
	if _, err := vault.CertificateFile(l.dir); err != nil {
		return nil, err
	}
	for _, b := range l.backends {
		vault.SetSecret(b.Name, b.Key)
	}
	l.keys = "Key Vault secrets, read with a managed identity"
	l.screen.note("vault               %s  (simulated Key Vault and managed identity)", vault.URL())
	return stack.NewVaultSettings(vault.Environment(), l.backends...), nil
}

// startCounter starts Table Storage for the turn counter, if this machine can.
func (l *local) startCounter(ctx context.Context, settings stack.Settings) (stack.Settings, error) {
	var storage *stack.Storage
	var npm bytes.Buffer
	err := l.screen.step("starting Table Storage (Azurite; npm gets it the first time)", func() (err error) {
		// Its life is this program's, not that of the preparation.
		storage, err = stack.Azurite(context.WithoutCancel(ctx), &npm)
		return err
	})
	switch {
	case errors.Is(err, stack.ErrNoNode):
		l.counter = "in memory, as there is no Node.js for Azurite"
		l.screen.note("%v: the turn counter is in memory, and not shared between processes", err)
		return settings, nil
	case err != nil:
		return nil, err
	}
	l.stops = append(l.stops, storage.Stop)
	l.counter = "Table Storage (Azurite), one row a deployment"
	if said := strings.TrimSpace(npm.String()); said != "" {
		l.screen.note("npm: %s", said)
	}
	return settings.WithCounter(storage.ConnectionString()), nil
}

// startFront starts what answers callers.
func (l *local) startFront(ctx context.Context, settings stack.Settings) (err error) {
	if _, missing := stack.FindFunc(); missing != nil {
		l.host = "the handler by itself"
		l.screen.note("%v", missing)
		err = l.screen.step("starting the handler by itself", func() (err error) {
			l.front, err = stack.StartHandler(ctx, l.binary, l.port, settings)
			return err
		})
	} else {
		l.host = "the Azure Functions host (func start)"
		err = l.screen.step("starting the Azure Functions host (func start)", func() (err error) {
			l.front, err = stack.StartHost(ctx, l.root, l.binary, l.port, settings, nil)
			return err
		})
	}
	if err != nil {
		return errors.Join(errors.New("the product did not start"), err)
	}
	l.stops = append(l.stops, l.front.Stop)
	l.screen.say("%7.1f s  ready: %s/openai", time.Since(l.screen.begin).Seconds(), l.front.URL)
	return nil
}
