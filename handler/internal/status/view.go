package status

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/rotation"
)

// Options are what a Status shows.
type Options struct {
	Instance string // its id
	Meter    *Meter
	Peers    *Peers // nil: there is no table
	Backends *backend.Set
	Health   *backend.Health
	Turns    func() rotation.Stats
	Bodies   func() (memory, disk int64) // what requests' bodies hold
}

// Status serves the page and the document. It is safe for concurrent use.
type Status struct {
	Options
	started time.Time
	page    http.Handler
}

// New makes a Status. What it shows begins now.
func New(o Options) *Status { return &Status{Options: o, started: time.Now(), page: Page()} }

// Scopes of a document.
const (
	scopeInstance = "instance"
	scopeFleet    = "fleet"
)

// query is what a document is asked for.
type query struct {
	scope         string
	offset, limit int
	name          string // a part of it
}

// document puts everything together.
func (s *Status) document(ctx context.Context, q query) *Document {
	snapshot := s.Meter.snapshot()
	if s.Peers == nil {
		q.scope = scopeInstance
	}
	d := &Document{
		Schema: 1, Scope: q.scope, Window: Window{steps * stepSeconds, stepSeconds},
		Instance: Instance{ID: s.Instance, Self: true, StartedAt: s.started.UTC(), Answers: answersOf(snapshot.answers.total)},
		Process:  s.process(), Counter: s.counter(),
	}
	d.Fleet = s.merge(ctx, q, snapshot, d.Instance)
	now := time.Now() // that may have taken a while
	d.GeneratedAt = now.UTC()
	d.Answers, d.Recent = answersOf(snapshot.answers.total), answersOf(snapshot.answers.recent)
	for i, b := range s.Backends.Backends {
		d.Backends = append(d.Backends, describe(b, &snapshot.backends[i]))
	}
	names := s.troubledFirst(matching(snapshot.busiest(), q.name))
	d.Page = Paging{Offset: q.offset, Limit: q.limit, Count: len(names), Query: q.name}
	d.Deployments = []Deployment{}
	names = names[min(q.offset, len(names)):]
	for _, name := range names[:min(q.limit, len(names))] {
		d.Deployments = append(d.Deployments, s.deployment(name, snapshot.deployments[name], now))
	}
	return d
}

// troubledFirst puts deployments with a backend that is out to the front: they are what a reader looks for. Names that no
// backend has do not count, for callers can make up any number of them.
func (s *Status) troubledFirst(names []string) []string {
	var troubled, others []string
	for _, name := range names {
		out := slices.ContainsFunc(s.Health.Blocks(name), func(b backend.Block) bool { return b.Cause != backend.None && b.Cause != backend.Missing })
		if out {
			troubled = append(troubled, name)
		} else {
			others = append(others, name)
		}
	}
	return append(troubled, others...)
}

func matching(names []string, part string) []string {
	if part == "" {
		return names
	}
	var found []string
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), strings.ToLower(part)) {
			found = append(found, name)
		}
	}
	return found
}

// merge lists the other instances and, where the figures are to be the fleet's, adds theirs.
func (s *Status) merge(ctx context.Context, q query, snapshot *snapshot, self Instance) Fleet {
	fleet := Fleet{State: "alone", Instances: []Instance{self}}
	if s.Peers == nil {
		return fleet
	}
	others, read, failed := s.Peers.look(ctx)
	now := time.Now()
	fleet.State = "shared"
	if failed {
		fleet.State = "unreachable"
	}
	if !read.IsZero() {
		fleet.AgeMS = now.Sub(read).Milliseconds()
	}
	for i := range others {
		m := &others[i]
		if now.Sub(m.written) > reportLive {
			continue
		}
		if q.scope == scopeFleet {
			snapshot.plus(m.report.snapshot(s.Meter.backends), m.late(now))
		}
		if len(fleet.Instances) == maxListed {
			fleet.More++
			continue
		}
		fleet.Instances = append(fleet.Instances, Instance{
			ID: m.id, StartedAt: m.report.Started, AgeMS: now.Sub(m.written).Milliseconds(), Answers: answersOf(m.report.Answers.sum().total),
		})
	}
	return fleet
}

func (s *Status) counter() Counter {
	t := s.Turns()
	c := Counter{
		Kind: "table", State: "shared", Deployments: t.Lines, Claims: t.Claims, Conflicts: t.Conflicts, Failures: t.Failures,
		TableTurns: t.TableTurns, LocalTurns: t.LocalTurns,
	}
	switch {
	case s.Peers == nil:
		c.Kind, c.State = "memory", "memory"
	case t.Outage:
		c.State = "local"
	}
	return c
}

func describe(b *backend.Backend, s *sum) Backend {
	d := Backend{Name: b.Name, Priority: b.Priority, Weight: b.Weight, Total: figures(s.total), Recent: recent(s)}
	state := b.Credential.State()
	d.Credential = Credential{Kind: state.Kind, Ready: state.Ready, Problem: state.Error}
	if state.Kind == "literal" {
		d.Credential.Kind = "key"
	} else if state.Age > 0 {
		age := state.Age.Milliseconds()
		d.Credential.AgeMS = &age
	}
	return d
}
