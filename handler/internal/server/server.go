// Package server routes requests and owns the life of the HTTP server.
package server

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"

	"aoai-balancer/handler/internal/openai"
	"aoai-balancer/handler/internal/telemetry"
)

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 120 * time.Second // the Functions host keeps connections for 60 s; ours must not end first
	drainTime         = 10 * time.Second
)

// Options are what Routes puts together.
type Options struct {
	Proxy    http.Handler // of calls
	Status   http.Handler // of /status and /status.json; nil: not served
	Observer telemetry.Observer
	Log      zerolog.Logger
}

// Routes serves the paths of the product: the readiness ping, health, status, and calls.
func Routes(o Options) http.Handler {
	r := chi.NewRouter()
	r.Use(telemetry.AccessLog(o.Log, o.Observer), recovered(o.Log), below("/openai/", o.Proxy))
	r.Get("/", text("ready\n"))
	r.Head("/", text(""))
	r.Get("/healthz", text("ok\n"))
	notFound := func(w http.ResponseWriter, r *http.Request) {
		e := openai.NotFound()
		telemetry.RecordOf(r.Context()).Code = e.Code
		e.Write(w)
	}
	if o.Status != nil {
		for _, path := range [...]string{"/status", "/status.json"} {
			r.Method(http.MethodGet, path, forOperators(o.Status.ServeHTTP, notFound))
			r.Method(http.MethodHead, path, forOperators(o.Status.ServeHTTP, notFound))
		}
	}
	r.NotFound(notFound)
	r.MethodNotAllowed(notFound)
	return r
}

// below serves the paths that begin with prefix, escaped as they came, and any method. A route of chi's with a wildcard would
// note in each request what it stands for: a twentieth of what a call allocates, and nobody asks for it.
func below(prefix string, h http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path := r.URL.RawPath
			if path == "" {
				path = r.URL.Path
			}
			if strings.HasPrefix(path, prefix) {
				h.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// forOperators keeps callers of API Management out, who have no function key of their own: API Management adds one, and the
// Functions host resolves the dots of /openai/%2e%2e/status. The policy marks what comes that way.
func forOperators(status, notFound http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Aoai-Gateway") != "" {
			notFound(w, r)
			return
		}
		status(w, r)
	}
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(body))
	}
}

// recovered keeps a panic from ending the process and, before anything was sent, from ending the connection, which
// the Functions host would answer by sending the request again. An abort of an answer under way passes.
func recovered(log zerolog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(http.ErrAbortHandler)
				}
				telemetry.LogPanic(log, p)
				if begun, ok := w.(interface{ Status() int }); ok && begun.Status() != 0 {
					panic(http.ErrAbortHandler) // never a clean end of half an answer
				}
				failure().Write(w)
			}()
			next.ServeHTTP(w, r)
		})
	}
}

func failure() *openai.Error {
	return &openai.Error{
		Status: http.StatusInternalServerError, Code: "internal_error", Type: "server_error",
		Message: "This gateway failed on the request.",
	}
}

// Serve serves h on listener until ctx ends, then lets requests under way finish for a while. It returns nil only
// when ctx ended.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, log zerolog.Logger) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          stdlog.New(complaints{log}, "", 0),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the server ended: %w", err)
	case <-ctx.Done():
	}
	log.Info().Str("event", "draining").Send()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if s.Shutdown(drain) != nil {
		_ = s.Close()
	}
	return nil
}

// complaints is where net/http writes what it dislikes about a connection. The text may quote a caller: only the
// event is logged.
type complaints struct{ log zerolog.Logger }

func (c complaints) Write(p []byte) (int, error) {
	c.log.Debug().Str("event", "connection").Send()
	return len(p), nil
}
