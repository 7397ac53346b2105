// Command simulator serves a scripted Azure OpenAI on a loopback address.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// run serves until the context ends or the time given by -for has passed. It
// prints the address as the first line on stdout.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	set, err := parseSettings(args, stdout)
	if err != nil || set == nil {
		return err
	}
	if set.lifetime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, set.lifetime)
		defer cancel()
	}
	listener, err := listenLoopback(ctx, set.address)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	return serve(ctx, listener, simulator.New(set.options).WithControl())
}

var errNotLoopback = errors.New("-address must be a loopback address: the control surface asks for no credential")

func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, errNotLoopback
	}
	return listener, nil
}

// grace is how long open answers may take to finish at the end; scripted hangs
// never do.
const grace = 2 * time.Second

func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(os.Stderr, "simulator: ", 0),
	}
	down := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(down)
		shutDown(ctx, server)
	})
	defer cancel()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-down
	return nil
}

func shutDown(ctx context.Context, server *http.Server) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(end) != nil {
		_ = server.Close()
	}
}
