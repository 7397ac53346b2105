package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// tableProxy stands before Table Storage and counts what passes. Requests stay signed as they are: the signature covers
// the path and some headers, not the port.
type tableProxy struct {
	connectionString string
	updates          atomic.Int64 // entities written, successfully
	conflicts        atomic.Int64 // … refused with 412, because another process had written first
	reads            atomic.Int64
}

func startTableProxy(t *testing.T, storage interface{ ConnectionString() string }) *tableProxy {
	t.Helper()
	endpoint := part(storage.ConnectionString(), "TableEndpoint")
	target, err := url.Parse(endpoint)
	if err != nil || target.Host == "" {
		t.Fatalf("the connection string has no TableEndpoint: %v", err)
	}
	p := &tableProxy{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
		ModifyResponse: p.count,
	}
	server := httptest.NewServer(forward)
	t.Cleanup(server.Close)
	p.connectionString = strings.Replace(storage.ConnectionString(), "://"+target.Host, "://"+strings.TrimPrefix(server.URL, "http://"), 1)
	return p
}

func (p *tableProxy) count(r *http.Response) error {
	switch {
	case r.Request.Method == http.MethodGet:
		p.reads.Add(1)
	case r.StatusCode == http.StatusPreconditionFailed:
		p.conflicts.Add(1)
	case r.StatusCode < 300:
		p.updates.Add(1)
	}
	return nil
}

func part(connectionString, name string) string {
	for field := range strings.SplitSeq(connectionString, ";") {
		if value, ok := strings.CutPrefix(field, name+"="); ok {
			return value
		}
	}
	return ""
}
