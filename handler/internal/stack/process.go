package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// defaultPatience is how long a process may take to end after it was asked to.
const defaultPatience = 5 * time.Second

// Process is a running handler, a Functions host with its handler, or another program. It has a process group of its own, so that what
// it started ends with it. Safe for concurrent use.
type Process struct {
	URL string // where it answers, without a slash at the end
	Log *Log   // what it has written

	cmd      *exec.Cmd
	patience time.Duration
	ended    chan struct{}
	once     sync.Once
	cleanup  func()
}

// Start starts any program, in a process group of its own. Its output goes to the Log, unless cmd says where to. It does
// not wait for anything.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Log: newLog(), cmd: cmd, patience: defaultPatience, ended: make(chan struct{}), cleanup: func() {}}
	if cmd.Stdout == nil {
		cmd.Stdout, cmd.Stderr = p.Log, p.Log
	}
	cmd.WaitDelay = time.Second // for output that an orphan still holds open
	if cmd.SysProcAttr = ownGroup(); cmd.SysProcAttr != nil {
		interruptedWithParent(cmd.SysProcAttr)
	}
	started := make(chan error, 1)
	go func() {
		// Linux ties the child's life to the thread that started it: that thread stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			p.Log.end()
		}
	}()
	return p, <-started
}

// PID is the process's id, on Unix its group's, too.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode is the process's exit code, once it has ended; -1 where a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Signal sends the process (not its group) a signal. Windows knows only os.Kill.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end as Ctrl+C does, waits at most 5 s and then ends its whole group by force. It may be
// called more than once, and by several goroutines: each returns when the process has ended.
func (p *Process) Stop() { p.stop(true) }

// Kill ends the whole group at once and by force.
func (p *Process) Kill() { p.stop(false) }

func (p *Process) stop(ask bool) {
	p.once.Do(func() {
		if ask && interrupt(p.cmd.Process) == nil {
			select {
			case <-p.ended:
			case <-time.After(p.patience):
			}
		}
		killTree(p.cmd.Process)
		<-p.ended
		p.cleanup()
	})
}

// Alive reports whether any process of the group still runs.
func (p *Process) Alive() bool { return treeAlive(p.cmd.Process) }

// answering waits until a GET of the path at URL is answered with 200.
func (p *Process) answering(ctx context.Context, path string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.ended:
			cancel(errEnded)
		case <-ctx.Done():
		}
	}()
	return p.explain(Until(ctx, func() bool { return isReady(ctx, p.URL+path) }))
}

var errEnded = errors.New("it ended by itself")

// explain adds the end of the log to an error: the reason stands there.
func (p *Process) explain(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", p.cmd.Path, err)
	if tail := p.Log.Tail(); tail != "" {
		err = fmt.Errorf("%w; its log ends with\n%s", err, tail)
	}
	return err
}
