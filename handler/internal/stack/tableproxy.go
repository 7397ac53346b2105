package stack

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// TableCall is one call of Table Storage.
type TableCall struct {
	Method       string
	Path         string
	Status       int
	Began, Ended time.Time // as seen by the caller
}

// TableProxy stands before Table Storage, tells what passes, and may make it slow. Requests stay signed as they are: the
// signature covers the path and some headers, not the port.
type TableProxy struct {
	connection string
	server     *http.Server
}

// StartTableProxy delays each call and then tells of it through seen, which must be safe for concurrent use. The proxy
// ends with Stop.
func StartTableProxy(ctx context.Context, storage interface{ ConnectionString() string }, delay time.Duration, seen func(TableCall)) (*TableProxy, error) {
	connection := storage.ConnectionString()
	target, err := url.Parse(connectionPart(connection, "TableEndpoint"))
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
	}}
	p := &TableProxy{
		connection: strings.Replace(connection, "://"+target.Host, "://"+listener.Addr().String(), 1),
		server:     &http.Server{Handler: slowed(delay, seen, forward), ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// ConnectionString leads to the storage through the proxy.
func (p *TableProxy) ConnectionString() string { return p.connection }

// Stop ends the proxy.
func (p *TableProxy) Stop() { _ = p.server.Close() }

// slowed answers late and tells of each call.
func slowed(delay time.Duration, seen func(TableCall), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := TableCall{Method: r.Method, Path: r.URL.Path, Began: time.Now()}
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
		s := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(s, r)
		call.Status, call.Ended = s.status, time.Now()
		seen(call)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func connectionPart(connectionString, name string) string {
	for field := range strings.SplitSeq(connectionString, ";") {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			return value
		}
	}
	return ""
}
