package status

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/telemetry"
)

const (
	// maxNames bounds the deployments that are told apart, as it bounds counter rows; maxCells bounds memory where there
	// are many backends, for each name has a cell for each.
	maxNames = 1000
	maxCells = 20_000
	// idleSteps is for how long a name must be unused to make room for another.
	idleSteps = 40
	// others is the name of all those that do not fit or that no deployment can have.
	others = "…"
)

// Meter counts what callers got and what backends did. It is safe for concurrent use, and a request costs it some atomic
// additions. Run must be called for it to tell recent from old.
type Meter struct {
	backends map[string]int // by name
	most     int            // names
	all      *series
	others   *series
	named    atomic.Pointer[map[string]*series] // copied to change it

	mu sync.Mutex // guards windows, and changes of named
}

// series is what is counted of one deployment.
type series struct {
	name    string
	answers cell
	at      []cell // by backend
	idle    int    // steps that the window has been empty for
}

// cell is a tally and its window.
type cell struct {
	tally
	window window
}

// NewMeter makes a meter for backends of these names.
func NewMeter(backends []string) *Meter {
	m := &Meter{backends: map[string]int{}, most: min(maxNames, maxCells/(len(backends)+1))}
	for i, name := range backends {
		m.backends[name] = i
	}
	m.all, m.others = m.newSeries(""), m.newSeries(others)
	m.named.Store(&map[string]*series{})
	return m
}

func (m *Meter) newSeries(name string) *series {
	// The name may be a part of a long path: a copy lets go of that.
	return &series{name: strings.Clone(name), at: make([]cell, len(m.backends))}
}

// Observe counts a call that is over. status is what the access log says, telemetry.StatusCallerLeft included.
func (m *Meter) Observe(r *telemetry.Record, status int, firstByte time.Duration) {
	m.all.observe(m, r, status, firstByte)
	if r.Deployment != "" { // else nothing was found out about the call
		m.of(r.Deployment).observe(m, r, status, firstByte)
	}
}

// of finds the deployment's series or makes one.
func (m *Meter) of(name string) *series {
	if s := (*m.named.Load())[name]; s != nil {
		return s
	}
	if !rotation.HasRow(name) {
		return m.others
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := *m.named.Load()
	if s := before[name]; s != nil {
		return s
	}
	if len(before) >= m.most {
		return m.others
	}
	after := maps.Clone(before)
	s := m.newSeries(name)
	after[s.name] = s
	m.named.Store(&after)
	return s
}

func (s *series) observe(m *Meter, r *telemetry.Record, status int, firstByte time.Duration) {
	answer := answerOf(r, status)
	s.answers.add(answer, 1)
	if firstByte > 0 {
		s.answers.took(firstByte)
	}
	if answer == answersOK && movedBackends(r.Attempts) {
		s.answers.add(failovers, 1)
	}
	for i := range r.Attempts {
		if b, ok := m.backends[r.Attempts[i].Backend]; ok {
			s.at[b].observe(r, i)
		}
	}
}

// movedBackends: the backend that was tried last is not the first. One whose credential was renewed is tried twice.
func movedBackends(attempts []telemetry.Attempt) bool {
	return len(attempts) > 1 && attempts[0].Backend != attempts[len(attempts)-1].Backend
}

func answerOf(r *telemetry.Record, status int) int {
	switch {
	case status == telemetry.StatusCallerLeft:
		return answersLeft
	case r.Outcome != "" || status >= http.StatusInternalServerError:
		return answersFailed
	case status == http.StatusTooManyRequests:
		return answersThrottled
	case status >= http.StatusBadRequest:
		return answersRejected
	}
	return answersOK
}

// observe counts the call's attempt number i.
func (c *cell) observe(r *telemetry.Record, i int) {
	a, last := &r.Attempts[i], i == len(r.Attempts)-1
	c.add(attempts, 1)
	if counter := counterOf(a.Outcome); counter != attempts {
		c.add(counter, 1)
	}
	if !last && r.Attempts[i+1].Backend != a.Backend {
		c.add(movedOn, 1)
	}
	if last && (a.Outcome == "ok" || a.Outcome == "rejected") {
		c.add(served, 1)
		c.took(a.Duration)
		if r.Usage.Told {
			c.add(inputTokens, uint64(max(r.Usage.Input, 0)))
			c.add(outputTokens, uint64(max(r.Usage.Output, 0)))
		}
		if r.Outcome == "stream_broken" || r.Outcome == "stream_idle" {
			c.add(failed, 1)
		}
	}
	if a.Headroom.Told {
		c.headroom.set(time.Now(), a.Headroom)
	}
}

// counterOf is the counter for an outcome of the outcome table, attempts for one that says nothing more.
func counterOf(outcome string) int {
	switch outcome {
	case "throttled":
		return throttled
	case "failed", "reset", "timeout", "unreachable":
		return failed
	case "unauthorized", "permission_denied", "no_credential":
		return refused
	case "deployment_missing":
		return missing
	}
	return attempts
}

// Run ends the window's steps, at whole multiples of their length, until ctx ends.
func (m *Meter) Run(ctx context.Context) {
	for {
		timer := time.NewTimer(untilStep(time.Now()))
		select {
		case <-timer.C:
			m.advance()
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func untilStep(now time.Time) time.Duration {
	const length = stepSeconds * time.Second
	return now.Truncate(length).Add(length).Sub(now)
}

// advance ends a step, and lets go of names that nobody used for long where they are too many.
func (m *Meter) advance() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all.advance()
	m.others.advance()
	named := *m.named.Load()
	kept := make(map[string]*series, len(named))
	for name, s := range named {
		if s.advance(); s.idle < idleSteps || len(named) < m.most {
			kept[name] = s
		}
	}
	if len(kept) < len(named) {
		m.named.Store(&kept)
	}
}

func (s *series) advance() {
	lives := s.answers.window.advance(&s.answers.tally)
	for i := range s.at {
		lives = s.at[i].window.advance(&s.at[i].tally) || lives
	}
	s.idle++
	if lives {
		s.idle = 0
	}
}

// known is the deployment's series, nil where it has none.
func (m *Meter) known(name string) *series {
	if name == others {
		return m.others
	}
	return (*m.named.Load())[name]
}
