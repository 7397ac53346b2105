package stack

import (
	"context"
	"crypto/rand"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// Backend is a simulated Azure OpenAI resource that listens on loopback. Under /simulator/ it answers its remote
// control.
type Backend struct {
	*simulator.OpenAI
	Name string
	Key  string // the one that it accepts
	URL  string

	server *http.Server
}

// StartBackend starts a resource with a key of its own, whatever the options say of names and keys. It ends with Stop.
func StartBackend(ctx context.Context, name string, o simulator.Options) (*Backend, error) {
	return StartBackendBehind(ctx, name, o, func(resource http.Handler) http.Handler { return resource })
}

// StartBackendBehind is StartBackend with a handler of the caller's in front, which sees every request and answer.
func StartBackendBehind(ctx context.Context, name string, o simulator.Options, front func(resource http.Handler) http.Handler) (*Backend, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Backend{Name: name, Key: rand.Text(), URL: "http://" + listener.Addr().String()}
	o.Name, o.Keys = name, []string{b.Key}
	b.OpenAI = simulator.New(o)
	b.server = &http.Server{
		Handler:           front(b.WithControl()),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // callers that leave are a test's business
	}
	go func() { _ = b.server.Serve(listener) }()
	return b, nil
}

// Stop ends the resource and every answer under way.
func (b *Backend) Stop() { _ = b.server.Close() }
