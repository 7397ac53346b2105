// Command local runs the whole product on this machine: simulated backends, storage, a vault and the Functions host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// prepareTime bounds the start, downloads of a first time included.
const prepareTime = 10 * time.Minute

func main() { os.Exit(program()) }

// program gives the exit code.
func program() int {
	// SIGPIPE: whoever read the output has gone. Unheard, it would end this program and not what it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	port := flag.Int("port", 7071, "`port` of 127.0.0.1 to serve on")
	once := flag.Bool("once", false, "end after the demonstration, with code 1 where something is not as it should be")
	flag.Parse()
	s := newScreen(os.Stdout)
	if err := run(ctx, s, *port, *once); err != nil {
		s.keep()
		fmt.Fprintln(os.Stderr, "\nlocal:", err)
		return 1
	}
	return 0
}

// run ends all that it started before it returns. Ctrl+C is a good end, unless the demonstration was the purpose.
func run(ctx context.Context, s *screen, port int, once bool) error {
	l := &local{screen: s, port: port}
	defer l.stop()
	if err := l.start(ctx); err != nil {
		return interrupted(ctx, once, err)
	}
	view := l.watch(ctx)
	defer view.end()
	if err := l.demonstrate(ctx, view, once); err != nil {
		return interrupted(ctx, once, err)
	}
	if once {
		return nil
	}
	l.invite()
	select {
	case <-ctx.Done():
	case <-l.front.Ended():
		return fmt.Errorf("the process that serves %s ended by itself; its log ends with\n%s", l.front.URL, l.front.Log.Tail())
	}
	view.end()
	s.say("\nEnding …")
	return nil
}

var errInterrupted = errors.New("interrupted")

func interrupted(ctx context.Context, once bool, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case once:
		return errInterrupted
	}
	return nil
}
