package e2e

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func backends(t *testing.T, o simulator.Options) (westeurope, eastus *stack.Backend) {
	t.Helper()
	both := make([]*stack.Backend, 2)
	for i, name := range []string{"westeurope", "eastus"} {
		b, err := stack.StartBackend(t.Context(), name, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Stop)
		both[i] = b
	}
	return both[0], both[1]
}

// secretSettings puts the backends' keys into a vault where this system lets the handler trust it.
func secretSettings(t *testing.T, backends ...*stack.Backend) stack.Settings {
	t.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return stack.NewSettings(backends...)
	}
	_, settings := vaultSettings(t, backends...)
	return settings
}

// vaultSettings puts the backends' keys into a vault.
func vaultSettings(t *testing.T, backends ...*stack.Backend) (*simulator.Vault, stack.Settings) {
	t.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("a program's own authority cannot be trusted by the environment on this system")
	}
	vault, err := simulator.NewVault()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = vault.Close() })
	if _, err := vault.CertificateFile(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, b := range backends {
		vault.SetSecret(b.Name, b.Key)
	}
	return vault, stack.NewVaultSettings(vault.Environment(), backends...)
}

func startHandler(ctx context.Context, t *testing.T, s stack.Settings) *stack.Process {
	t.Helper()
	p, err := stack.StartHandler(ctx, product.binary, 0, s)
	return running(t, p, err)
}

func startHost(ctx context.Context, t *testing.T, s stack.Settings) *stack.Process {
	t.Helper()
	stack.NeedFunc(t)
	p, err := stack.StartHost(ctx, product.root, product.binary, 0, s, nil)
	return running(t, p, err)
}

// running stops the process with the test, and shows the end of its log where the test has failed.
func running(t *testing.T, p *stack.Process, err error) *stack.Process {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s logged last:\n%s", p.URL, p.Log.Tail())
		}
	})
	return p
}

// requests waits until the access log shows n calls to /openai, and gives them all.
func requests(ctx context.Context, t *testing.T, p *stack.Process, n int) []stack.Entry {
	t.Helper()
	var calls []stack.Entry
	err := stack.Until(ctx, func() bool {
		calls = slices.DeleteFunc(p.Log.Requests(), func(e stack.Entry) bool { return e.Operation == "" })
		return len(calls) >= n
	})
	if err != nil {
		t.Fatalf("the access log shows %d calls of %d: %v", len(calls), n, err)
	}
	return calls
}

func isLocal(turn string) bool { return strings.HasPrefix(turn, "local:") }
