package status

import (
	"encoding/json"
	"net/http"
	"net/url"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

const (
	defaultLimit = 50
	maxLimit     = 200
	maxQuery     = 100
)

// ServeHTTP serves the document to paths that end in .json, and else the page. The document takes the parameters scope
// ("instance" or "fleet"), offset, limit (up to 200) and q, a part of the deployment's name; what it cannot make sense
// of is as if it were not there.
func (s *Status) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, ".json") {
		s.page.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(s.document(r.Context(), parseQuery(r.URL.Query())))
}

func parseQuery(values url.Values) query {
	q := query{scope: scopeFleet, limit: defaultLimit, name: values.Get("q")}
	if values.Get("scope") == scopeInstance {
		q.scope = scopeInstance
	}
	if n, err := strconv.Atoi(values.Get("offset")); err == nil && n > 0 {
		q.offset = n
	}
	if n, err := strconv.Atoi(values.Get("limit")); err == nil && n > 0 {
		q.limit = min(n, maxLimit)
	}
	q.name = strings.ToValidUTF8(q.name[:min(len(q.name), maxQuery)], "")
	return q
}

// process reads the runtime's own figures (https://pkg.go.dev/runtime/metrics).
func (s *Status) process() Process {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	p := Process{
		Goroutines: runtime.NumGoroutine(),
		HeapBytes:  samples[0].Value.Uint64(), MemoryBytes: samples[1].Value.Uint64(),
		Allocations: samples[2].Value.Uint64(), AllocatedBytes: samples[3].Value.Uint64(),
	}
	p.BodiesMemory, p.BodiesDisk = s.Bodies()
	return p
}
