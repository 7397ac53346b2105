package main

import (
	"net/http"
	"strconv"
)

// end is how a call ended for its caller.
type end int

const (
	answered end = iota // to the answer's end
	broken              // the answer broke, and the caller could see it
	cut                 // the answer ended before its end as if nothing were
	left                // the caller did not wait
	lost                // no answer
)

// result is what a caller got.
type result struct {
	end     end
	status  int
	backend string
	body    sum
	wait    bool // the answer says when to come again
	public  bool // an error has the envelope that SDKs read
	problem error
}

func (r *result) String() string {
	switch r.end {
	case answered:
		return strconv.Itoa(r.status)
	case broken:
		return "broken"
	case cut:
		return "cut"
	case left:
		return "left"
	default:
		return "lost"
	}
}

// judge compares what a caller got with what the backends gave and the access log says. l.mu is held.
func (l *ledger) judge(a *account) {
	r := a.result
	l.ends[r.String()]++
	switch r.end {
	case left:
		l.left[leftAs(a)]++
	case lost:
		l.fault("a call without an answer", "%s: %v", a.kind, r.problem)
	case cut:
		l.fault("an answer that was cut and looks whole", "%s by %s", a.kind, r.backend)
	case broken:
		l.judgeBroken(a)
	case answered:
		l.judgeAnswer(a)
	}
}

// leftAs: a caller may leave in the moment in which its answer is complete.
func leftAs(a *account) string {
	if a.line.Outcome == "caller_left" {
		return "as such"
	}
	return "as " + strconv.Itoa(a.line.Status)
}

func (l *ledger) judgeBroken(a *account) {
	if a.find(func(t attempt) bool { return t.whole }) {
		l.fault("a whole answer broke on its way", "%s by %s: %v; %s", a.kind, a.result.backend, a.result.problem, a.line.Text)
	}
	if a.line.Outcome != "stream_broken" && a.line.Outcome != "stream_idle" {
		l.fault("a broken answer that the access log calls otherwise", "%s", a.line.Text)
	}
}

func (l *ledger) judgeAnswer(a *account) {
	r := a.result
	if a.line.Status != r.status {
		l.fault("a status that the access log calls otherwise", "%d: %s", r.status, a.line.Text)
	}
	switch r.status {
	case http.StatusOK:
		if !a.find(func(t attempt) bool { return t.gave == r.body }) {
			l.fault("an answer that no backend gave", "%s by %s", a.kind, r.backend)
		}
	case http.StatusTooManyRequests:
		if !r.wait {
			l.fault("a 429 without a wait", "%s", a.line.Text)
		}
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		l.fault("an answer "+strconv.Itoa(r.status), "%s: %s", a.kind, a.line.Text)
	}
	if r.status != http.StatusOK && !r.public {
		l.fault("an error without an envelope", "%s", a.line.Text)
	}
}
