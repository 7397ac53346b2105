package status_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"aoai-balancer/handler/internal/status"
)

// fixture serves the page with made-up documents. PUT /fixture/{name} chooses which, or how the server behaves: "locked"
// asks for the function key, "gone" ends connections without an answer.
type fixture struct {
	mu    sync.Mutex
	name  string
	since time.Time // it was first looked at; states last from there
}

const functionKey = "a+key/for=the==fixture"

func (f *fixture) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /status", status.Page())
	mux.HandleFunc("GET /status.json", f.serve)
	mux.HandleFunc("PUT /fixture/{name}", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.name, f.since = r.PathValue("name"), time.Time{}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (f *fixture) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if f.since.IsZero() {
		f.since = time.Now()
	}
	name, age := f.name, time.Since(f.since)
	f.mu.Unlock()
	switch {
	case name == "gone":
		panic(http.ErrAbortHandler)
	case name == "failing":
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	case name == "locked" && r.Header.Get("x-functions-key") != functionKey:
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(paged(madeDocument(name, age), r))
}

// paged does what the product does with the parameters.
func paged(d *status.Document, r *http.Request) *status.Document {
	q := r.URL.Query()
	offset, _ := strconv.Atoi(q.Get("offset"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	var found []status.Deployment
	for _, one := range d.Deployments {
		if strings.Contains(one.Name, q.Get("q")) {
			found = append(found, one)
		}
	}
	d.Scope = q.Get("scope")
	d.Page = status.Paging{Offset: offset, Limit: limit, Count: len(found), Query: q.Get("q")}
	found = found[min(offset, len(found)):]
	d.Deployments = found[:min(limit, len(found))]
	return d
}

func madeDocument(name string, age time.Duration) *status.Document {
	switch name {
	case "mixed":
		return mixedDocument(age)
	case "cooling":
		return coolingDocument(age)
	case "many":
		return manyDocument()
	case "hostile":
		return hostileDocument()
	case "empty":
		return emptyDocument()
	default:
		return readyDocument()
	}
}

// emptyDocument is a document without deployments.
func emptyDocument() *status.Document {
	began := time.Now().Add(-3 * time.Hour)
	answers := status.Answers{OK: 48211, Failovers: 312, Rejected: 3}
	self := status.Instance{ID: "k3v7q2xa", Self: true, StartedAt: began, Answers: answers}
	return &status.Document{
		Schema: 1, GeneratedAt: time.Now(), Window: status.Window{Seconds: 300, StepSeconds: 15}, Instance: self,
		Process: status.Process{Goroutines: 41, HeapBytes: 6_300_000, MemoryBytes: 21_400_000, BodiesMemory: 81_920},
		Counter: status.Counter{Kind: "table", State: "shared", Deployments: 3, Claims: 1204, Conflicts: 31, TableTurns: 48523},
		Answers: answers,
		Fleet:   status.Fleet{State: "shared", AgeMS: 900, Instances: []status.Instance{self}},
	}
}

func readyDocument() *status.Document {
	d := emptyDocument()
	d.Recent = status.Answers{OK: 1200}
	d.Backends = []status.Backend{madeBackend("westeurope", 1, 1, 600, 0), madeBackend("eastus", 1, 1, 600, 0)}
	for _, name := range []string{"gpt-5.4-mini", "text-embedding-3-large"} {
		d.Deployments = append(d.Deployments, status.Deployment{
			Name: name, Recent: status.Answers{OK: 600},
			Backends: []status.DeploymentAtBackend{madeAt("westeurope", 0.5, 300, 0), madeAt("eastus", 0.5, 300, 0)},
		})
	}
	return d
}

// coolingDocument is ready but for 6 s, in which eastus is throttled for one deployment.
func coolingDocument(age time.Duration) *status.Document {
	d := readyDocument()
	if left := 6*time.Second - age; left > 0 {
		d.Deployments[0].Backends[1].State, d.Deployments[0].Backends[1].Cause = "cooling", "throttled"
		d.Deployments[0].Backends[1].RemainingMS = left.Milliseconds()
	}
	return d
}

func manyDocument() *status.Document {
	d := emptyDocument()
	d.Recent = status.Answers{OK: 100_000}
	for b := range 10 {
		d.Backends = append(d.Backends, madeBackend(fmt.Sprintf("region-%02d", b), 1, 1, 10_000, 0))
	}
	for i := range 1000 {
		one := status.Deployment{Name: fmt.Sprintf("deployment-%04d", i), Recent: status.Answers{OK: 100}}
		for b := range 10 {
			one.Backends = append(one.Backends, madeAt(fmt.Sprintf("region-%02d", b), 0.1, 10, 0))
		}
		d.Deployments = append(d.Deployments, one)
	}
	d.Deployments[3].Backends[4].State, d.Deployments[3].Backends[4].RemainingMS = "cooling", 60_000
	return d
}

func hostileDocument() *status.Document {
	d := emptyDocument()
	d.Recent = status.Answers{OK: 12}
	names := []string{
		`<img src=x onerror="document.title='owned'">`, `</script><script>document.title='owned'</script>`,
		"\u202ereversed\u202c \u2067נתיב חם\u2069", strings.Repeat("a-name-without-an-end", 40), "", "*", "…", "constructor", "__proto__",
	}
	for _, name := range names {
		d.Backends = append(d.Backends, madeBackend(name, 1, 1, 12, 0))
		b := madeAt(name, 1, 12, 0)
		b.State, b.Cause, b.RemainingMS = "cooling", `<b>"cause"`, 30_000
		d.Deployments = append(d.Deployments, status.Deployment{Name: name, Backends: []status.DeploymentAtBackend{b, madeAt("x", 0, 0, 0)}})
		d.Fleet.Instances = append(d.Fleet.Instances, status.Instance{ID: name + "!"})
	}
	d.Backends[0].Credential.Ready, d.Backends[0].Credential.Problem = false, strings.Repeat("<i>problem</i>", 30)
	d.Deployments[1].Backends[0].State = "<u>unknown</u>"
	return d
}

func madeBackend(name string, priority, weight int, served, throttled uint64) status.Backend {
	age := int64(754_000)
	return status.Backend{
		Name: name, Priority: priority, Weight: weight, Recent: madeRecent(served, throttled),
		Credential: status.Credential{Kind: "secret", Ready: true, AgeMS: &age},
	}
}

func madeRecent(served, throttled uint64) status.Figures {
	f := status.Figures{
		Attempts: served + throttled, Served: served, Throttled: throttled, MovedOn: throttled, InputTokens: served * 731, OutputTokens: served * 184,
	}
	if served > 0 {
		f.FirstByte = &status.Latency{P50: 184, P95: 1240}
	}
	return f
}

// madeAt is a deployment at a backend that serves it, with a history of calls that come and go.
func madeAt(name string, share float64, served, throttled uint64) status.DeploymentAtBackend {
	left, limit := int64(618_000), int64(1_000_000)
	b := status.DeploymentAtBackend{
		Name: name, State: "ready", IntendedShare: share, Share: &share, Recent: madeRecent(served, throttled),
		Headroom: &status.Headroom{AgeMS: 1200, RemainingTokens: &left, LimitTokens: &limit},
		History:  &status.History{Served: make([]uint32, 20), Throttled: make([]uint32, 20), Failed: make([]uint32, 20)},
	}
	for i := range 20 {
		b.History.Served[i] = uint32(served) * uint32(7+(i*i)%6) / 190
	}
	b.History.Throttled[12] = uint32(throttled)
	return b
}
