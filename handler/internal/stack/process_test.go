package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"testing"
	"time"
)

// role makes this test program play a child in a test of its own.
const role = "STACK_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "polite":
		play(false)
	case "stubborn":
		play(true)
	case "orphan":
		linger(nil)
	case "holder":
		hold()
	default:
		os.Exit(m.Run())
	}
}

// play starts a child of its own, says so, and waits to be interrupted, or ignores it.
func play(stubborn bool) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), role+"=orphan")
	if err := child.Start(); err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	fmt.Println(`{"level":"info","event":"listening"}`)
	if stubborn {
		interrupted = nil
	}
	linger(interrupted)
}

// linger bounds what a failing test could leave behind.
func linger(end <-chan os.Signal) {
	select {
	case <-end:
	case <-time.After(time.Minute):
	}
}

func start(t *testing.T, as string) *Process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+as)
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	p.patience = 100 * time.Millisecond
	t.Cleanup(p.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := p.Log.Wait(ctx, "listening"); err != nil {
		t.Fatal(p.explain(err))
	}
	return p
}

func TestProcess_StopEndsItAndWhatItStarted(t *testing.T) {
	for _, as := range []string{"polite", "stubborn"} {
		t.Run(as, func(t *testing.T) {
			p := start(t, as)
			if !p.Alive() {
				t.Fatal("it does not run")
			}
			var stops sync.WaitGroup
			for range 2 {
				stops.Go(p.Stop)
			}
			stops.Wait()
			p.Stop()
			checkGone(t, p)
		})
	}
}

func TestProcess_KillDoesNotWait(t *testing.T) {
	p := start(t, "stubborn")
	p.patience = time.Hour
	p.Kill()
	checkGone(t, p)
}

// checkGone allows for the time until the system has cleared an ended process away.
func checkGone(t *testing.T, p *Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Until(ctx, func() bool { return !p.Alive() }); err != nil {
		t.Errorf("something of group %d is left", p.PID())
	}
}
