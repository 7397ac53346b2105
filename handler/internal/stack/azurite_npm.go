package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// NodeModules returns the folder of the npm packages that tests use, after installing them if they are missing or older
// than the lock file. Processes that do so at once wait for each other. The error is ErrNoNode where npm is missing.
func NodeModules(ctx context.Context, log io.Writer) (dir string, err error) {
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, "handler", "npm")
	if installed(dir) {
		return dir, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("%s: %w", dir, ErrNoNode)
	}
	unlock, err := lock(ctx, filepath.Join(dir, "package.json"))
	if err != nil {
		return "", fmt.Errorf("wait for another npm: %w", err)
	}
	defer unlock()
	if installed(dir) { // by whom we waited for
		return dir, nil
	}
	return dir, install(ctx, npm, dir, log)
}

// installed compares with the file that npm writes last.
func installed(dir string) bool {
	done, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json"))
	if err != nil {
		return false
	}
	wanted, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	return err == nil && !done.ModTime().Before(wanted.ModTime())
}

func install(ctx context.Context, npm, dir string, log io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--loglevel=error")
	cmd.Dir = dir
	process, err := Start(cmd)
	if err != nil {
		return fmt.Errorf("start npm: %w", err)
	}
	<-process.Ended()
	process.Kill() // what it may have left behind
	_, _ = io.WriteString(log, process.Log.Tail())
	if process.ExitCode() != 0 {
		return process.explain(errors.New("npm ci failed"))
	}
	return nil
}
