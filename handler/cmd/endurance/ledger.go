package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"aoai-balancer/handler/internal/stack"
)

// ledger has an account of each call that is not settled yet, and what came of the others. It is safe for concurrent
// use.
type ledger struct {
	mu       sync.Mutex
	accounts map[string]*account // by trace id

	turns      turns
	tableTurns int
	localTurns int
	sent       int
	kinds      map[string]int // calls by what they were
	ends       map[string]int // calls by how they ended for their callers
	left       map[string]int // calls whose callers left, by what the access log says
	attempts   map[string]int // by outcome, as the access log says
	events     map[string]int // of the log, beside requests
	bodies     int            // that arrived whole at a backend
	faults     map[string]int // what is not as it should be
	examples   []string
}

// account is what is known of one call.
type account struct {
	kind     string
	body     sum
	result   *result      // what the caller got
	line     *stack.Entry // of the access log
	open     int          // attempts that go on
	attempts []attempt
}

func newLedger() *ledger {
	return &ledger{
		accounts: map[string]*account{}, turns: turns{}, kinds: map[string]int{}, ends: map[string]int{}, left: map[string]int{},
		attempts: map[string]int{}, events: map[string]int{}, faults: map[string]int{},
	}
}

const maxExamples = 20

// fault notes what is not as it should be. l.mu is held.
func (l *ledger) fault(what, format string, args ...any) {
	l.faults[what]++
	if len(l.examples) < maxExamples {
		l.examples = append(l.examples, what+": "+fmt.Sprintf(format, args...))
	}
}

// open begins the account of a call that is about to be sent.
func (l *ledger) open(id, kind string, body sum) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.kinds[kind]++
	l.accounts[id] = &account{kind: kind, body: body}
}

// close notes what came of a call for its caller.
func (l *ledger) close(id string, r result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accounts[id].result = &r
	l.settle(id)
}

func (l *ledger) attemptBegan(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.accounts[id]; a != nil {
		a.open++
	}
}

// attemptEnded may come after its call was settled, where the handler left the attempt before the backend saw it.
func (l *ledger) attemptEnded(id string, t attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[id]
	if a == nil {
		return
	}
	if t.gotAll {
		l.bodies++
		if t.got != a.body {
			l.fault("a backend got a body that was not sent", "%s at %s", a.kind, t.backend)
		}
	}
	a.open = max(a.open-1, 0)
	a.attempts = append(a.attempts, t)
	l.settle(id)
}

// read follows a handler's log to its end.
func (l *ledger) read(log *stack.Log) {
	read := 0
	for entry := range log.Follow(context.Background()) {
		read++
		l.note(&entry)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := log.Len(); n != read {
		l.fault("the log came too fast to be read", "%d of %d lines", read, n)
	}
}

func (l *ledger) note(e *stack.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case e.Event != "request":
		l.events[e.Event]++
		if e.Event == "panic" {
			l.fault("a panic", "%s", e.Text)
		}
		return
	case e.Operation == "":
		return // not a call to a backend
	}
	l.noteTurn(e)
	for _, a := range e.Attempts {
		l.attempts[a.Outcome]++
	}
	a := l.accounts[e.TraceID]
	if a == nil || a.line != nil {
		l.fault("a line too many in the access log", "%s", e.Text)
		return
	}
	a.line = e
	l.settle(e.TraceID)
}

// noteTurn looks for table turns that were given before.
func (l *ledger) noteTurn(e *stack.Entry) {
	if strings.HasPrefix(e.Turn, "local:") {
		l.localTurns++
		return
	}
	turn, err := strconv.ParseUint(e.Turn, 10, 64)
	if err != nil {
		return // none: the call goes where something lives
	}
	l.tableTurns++
	if !l.turns.add(e.Deployment, turn) {
		l.fault("a table turn was given twice", "%s of %s", e.Turn, e.Deployment)
	}
}

// settle judges a call of which all is known, and forgets it. l.mu is held.
func (l *ledger) settle(id string) {
	a := l.accounts[id]
	if a.result == nil || a.line == nil || a.open > 0 {
		return
	}
	delete(l.accounts, id)
	l.judge(a)
}

// unsettled is how many calls are not accounted for yet.
func (l *ledger) unsettled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accounts)
}

// finish makes faults of what is not accounted for.
func (l *ledger) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, a := range l.accounts {
		what := "an attempt that does not end"
		switch {
		case a.line == nil:
			what = "a call without a line in the access log"
		case a.result == nil:
			what = "a call without an end"
		}
		l.fault(what, "%s %s: %+v", a.kind, id, a.result)
		if a.result != nil {
			l.ends[a.result.String()]++
		}
	}
}

// find gives the attempts of the backend that a caller was told of.
func (a *account) find(holds func(attempt) bool) bool {
	return slices.ContainsFunc(a.attempts, func(t attempt) bool { return t.backend == a.result.backend && holds(t) })
}
