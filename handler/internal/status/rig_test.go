package status_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/status"
	"aoai-balancer/handler/internal/telemetry"
)

// instance is one process as far as status is concerned.
type instance struct {
	*status.Status
	meter  *status.Meter
	health *backend.Health
	turns  rotation.Stats
}

// newInstance makes one with the backends, whose status is not shared where reports is nil.
func newInstance(ctx context.Context, id string, reports status.Reports, backends ...*backend.Backend) *instance {
	if backends == nil {
		backends = []*backend.Backend{at("west", 1, 1), at("east", 1, 1)}
	}
	var names []string
	for _, b := range backends {
		names = append(names, b.Name)
	}
	i := &instance{meter: status.NewMeter(names), health: backend.NewHealth(len(names), 10*time.Second, 2*time.Minute)}
	go i.meter.Run(ctx)
	o := status.Options{
		Instance: id, Meter: i.meter, Backends: backend.NewSet(backends), Health: i.health,
		Turns:  func() rotation.Stats { return i.turns },
		Bodies: func() (memory, disk int64) { return 1, 2 },
	}
	if reports != nil {
		o.Peers = status.NewPeers(reports, i.meter, id, names)
		go o.Peers.Run(ctx)
	}
	i.Status = status.New(o)
	return i
}

func at(name string, priority, weight int) *backend.Backend {
	return &backend.Backend{
		Name: name, Endpoint: &url.URL{Scheme: "http", Host: name + ".test"}, Credential: credential.Literal("k"),
		Priority: priority, Weight: weight,
	}
}

// inBubble runs a test in virtual time.
func inBubble(t *testing.T, test func(ctx context.Context, t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(ctx, t)
		cancel()
		synctest.Wait()
	})
}

// call is a call for a deployment that one backend served at the first attempt.
func (i *instance) call(deployment, backend string, took time.Duration) {
	i.answer(deployment, http.StatusOK, telemetry.Attempt{Backend: backend, Status: 200, Outcome: "ok", Duration: took})
}

func (i *instance) answer(deployment string, code int, attempts ...telemetry.Attempt) {
	i.meter.Observe(&telemetry.Record{Operation: "chat/completions", Deployment: deployment, Attempts: attempts}, code, attempts[len(attempts)-1].Duration)
}

// document reads /status.json.
func (i *instance) document(t *testing.T, query string) status.Document {
	t.Helper()
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/status.json?"+query, nil))
	var d status.Document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	return d
}

// deployment is the only one that the document shows.
func only(t *testing.T, d status.Document) status.Deployment {
	t.Helper()
	if len(d.Deployments) != 1 {
		t.Fatalf("it shows %d deployments: %+v", len(d.Deployments), d.Deployments)
	}
	return d.Deployments[0]
}

// table is the rows of instances in memory. Its clock is the bubble's.
type table struct {
	mu      sync.Mutex
	rows    map[string]status.Report
	written map[string]time.Time
	reads   int
	writes  int
	down    bool
	slow    time.Duration // what a reading takes
}

var errDown = errors.New("storage is down")

func newTable() *table {
	return &table{rows: map[string]status.Report{}, written: map[string]time.Time{}}
}

func (tb *table) set(change func(*table)) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	change(tb)
}

// counted is what was done to a table.
type counted struct{ rows, reads, writes int }

func (tb *table) seen() counted {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return counted{len(tb.rows), tb.reads, tb.writes}
}

// size is a row's length.
func (tb *table) size(id string) int {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	return len(tb.rows[id].Text)
}

func (tb *table) SetReport(_ context.Context, id string, text []byte) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.writes++
	if tb.down {
		return errDown
	}
	tb.rows[id], tb.written[id] = status.Report{Instance: id, Text: text}, time.Now()
	return nil
}

func (tb *table) Reports(ctx context.Context, within time.Duration, most int) ([]status.Report, error) {
	tb.mu.Lock()
	slow := tb.slow
	tb.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.reads++
	if tb.down {
		return nil, errDown
	}
	var reports []status.Report
	for id, r := range tb.rows {
		if r.Age = time.Since(tb.written[id]); r.Age <= within && len(reports) < most {
			reports = append(reports, r)
		}
	}
	return reports, nil
}

func (tb *table) SweepReports(_ context.Context, longerAgo time.Duration, most int) error {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for id, at := range tb.written {
		if most > 0 && time.Since(at) > longerAgo {
			most--
			delete(tb.rows, id)
			delete(tb.written, id)
		}
	}
	return nil
}
