package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// ErrNoChromium says that no Chromium is installed.
var ErrNoChromium = errors.New("chromium must be on PATH")

// NeedChromium gives the command for a program of handler/npm that looks at pages in a browser. Without Node.js or
// Chromium the test is skipped; with CI=true it fails.
func NeedChromium(t testing.TB) func(ctx context.Context, program string, args ...string) *exec.Cmd {
	t.Helper()
	chromium := findChromium()
	if chromium == "" {
		missing(t, ErrNoChromium)
	}
	node, dir := NeedNode(t)
	return func(ctx context.Context, program string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, node, append([]string{program}, args...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHROMIUM="+chromium)
		return cmd
	}
}

func findChromium() string {
	for _, name := range [...]string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
