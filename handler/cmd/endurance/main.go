// Command endurance lets the built handler meet everything at once for a while, and accounts for every request.
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

func main() { os.Exit(program()) }

// program gives the exit code.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// It would end this program, and not what it started, where whoever read the output has gone.
	signal.Ignore(syscall.SIGPIPE)
	minutes := flag.Float64("minutes", 2, "how long the load lasts; a start and a rest come on top")
	flag.Parse()
	if err := run(ctx, time.Duration(*minutes*float64(time.Minute))); err != nil {
		fmt.Fprintln(os.Stderr, "endurance:", err)
		return 1
	}
	return 0
}

const (
	prepareTime = 5 * time.Minute // downloads of a first time included
	settleTime  = 30 * time.Second
	// restTime is for what outlives the load: storage is asked for cooldowns for 30 s more, and connections may then be
	// idle for 30 s.
	restTime = 100 * time.Second
)

var (
	errInterrupted = errors.New("interrupted")
	errVerdict     = errors.New("something is not as it should be")
)

// run ends all that it started before it returns.
func run(ctx context.Context, length time.Duration) error {
	p := &parts{ledger: newLedger()}
	defer p.stop()
	fmt.Println("Preparing: three simulated backends, a vault, Table Storage, and two processes of the handler.")
	if err := p.start(ctx); err != nil {
		return orInterrupted(ctx, err)
	}
	w := &watch{parts: p, began: time.Now()}
	if err := w.start(ctx); err != nil {
		return orInterrupted(ctx, err)
	}
	fmt.Printf("%v of load on %s and %s.\n", length, p.handlers[0].URL, p.handlers[1].URL)
	if err := p.endure(ctx, w, length); err != nil {
		return orInterrupted(ctx, err)
	}
	w.rest(ctx)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if !report(os.Stdout, p, w) {
		return errVerdict
	}
	return nil
}

func orInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
