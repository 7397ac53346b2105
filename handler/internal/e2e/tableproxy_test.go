package e2e

import (
	"net/http"
	"sync/atomic"
	"testing"

	"aoai-balancer/handler/internal/stack"
)

// tableProxy counts what passes on the way to Table Storage.
type tableProxy struct {
	connectionString string
	updates          atomic.Int64 // entities written, successfully
	conflicts        atomic.Int64 // … refused with 412, because another process had written first
	reads            atomic.Int64
}

func startTableProxy(t *testing.T, storage interface{ ConnectionString() string }) *tableProxy {
	t.Helper()
	p := &tableProxy{}
	proxy, err := stack.StartTableProxy(t.Context(), storage, 0, p.count)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	p.connectionString = proxy.ConnectionString()
	return p
}

func (p *tableProxy) count(c stack.TableCall) {
	switch {
	case c.Method == http.MethodGet:
		p.reads.Add(1)
	case c.Status == http.StatusPreconditionFailed:
		p.conflicts.Add(1)
	case c.Status < 300:
		p.updates.Add(1)
	}
}
