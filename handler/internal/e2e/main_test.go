package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
)

// product is what TestMain built. It is set once, before any test runs.
var product struct{ root, binary string } //nolint:gochecknoglobals // TestMain has no other way to tell the tests

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	if testing.Short() {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "handler-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if product.root, err = stack.ModuleRoot(); err != nil {
		return 1, err
	}
	product.binary = filepath.Join(dir, "handler")
	if runtime.GOOS == "windows" {
		product.binary += ".exe"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := stack.Build(ctx, product.root, product.binary); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// bounded skips the test under -short and gives it a context that ends after the time.
func bounded(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the built product")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}
