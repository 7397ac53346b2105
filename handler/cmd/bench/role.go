package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// One binary plays all parts that are not the product, each in a process of its own, so that their processor time can be
// told apart. The part is named by the environment: the Functions host gives a handler no arguments.
const (
	roleName      = "BENCH_ROLE"
	roleBackend   = "backend"
	roleEmpty     = "empty"
	listenersName = "BENCH_LISTENERS"
	portName      = "FUNCTIONS_CUSTOMHANDLER_PORT"
)

// play plays the part that the environment names; ok is false where it names none.
func play(ctx context.Context) (code int, ok bool) {
	var err error
	switch os.Getenv(roleName) {
	case roleBackend:
		err = serveBackends(ctx, os.Getenv(listenersName), os.Stdout)
	case roleEmpty:
		err = serveEmpty(ctx, os.Getenv(portName))
	case roleBare:
		err = serveBare(ctx, os.Getenv(portName), os.Getenv(backendsName))
	default:
		return 0, false
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1, true
	}
	return 0, true
}

// serveBackends serves as many backends as count says, each at a port of its own. The ports are logged one a line.
func serveBackends(ctx context.Context, count string, log io.Writer) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	handler := newDeployments()
	ended := make(chan error, n)
	for range n {
		listener, err := listen(ctx, "0")
		if err != nil {
			return err
		}
		fmt.Fprintf(log, `{"level":"info","event":"listening","address":"%s"}`+"\n", listener.Addr())
		go func() { ended <- serve(ctx, listener, handler) }()
	}
	return <-ended
}

// serveEmpty is a custom handler that does nothing but answer: what the Functions host costs.
func serveEmpty(ctx context.Context, port string) error {
	listener, err := listen(ctx, port)
	if err != nil {
		return err
	}
	return serve(ctx, listener, newDeployments())
}

func listen(ctx context.Context, port string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
