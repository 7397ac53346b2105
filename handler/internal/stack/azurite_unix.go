//go:build unix

package stack

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// ownGroup keeps a terminal's Ctrl+C from a child and lets killGroup end what the child started.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends the process and what it started.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// lock waits until no other process has the file, which must exist, locked. The system lifts the lock of a process that
// ends.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var refused error
	err = Until(ctx, func() bool {
		refused = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		return !errors.Is(refused, syscall.EWOULDBLOCK) && !errors.Is(refused, syscall.EINTR)
	})
	if err = errors.Join(err, refused); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}
