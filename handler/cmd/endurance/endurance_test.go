package main

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/stack"
)

func TestTurns_EachIsNewOnceForItsDeployment(t *testing.T) {
	seen := turns{}
	for i, turn := range rand.Perm(20_000) {
		deployment := []string{"a", "b"}[i%2]
		if !seen.add(deployment, uint64(turn)) || seen.add(deployment, uint64(turn)) {
			t.Fatalf("turn %d of %s", turn, deployment)
		}
		if other := []string{"b", "a"}[i%2]; !seen.add(other, uint64(turn)) {
			t.Fatalf("turn %d of %s", turn, other)
		}
	}
}

// settled is a ledger after one call, which went as it should but for what the change says.
func settled(change func(l *ledger, r *result, line *stack.Entry, seen *attempt)) *ledger {
	l := newLedger()
	body, answer := sum{1}, sum{2}
	r := result{end: answered, status: http.StatusOK, backend: "a", body: answer}
	line := stack.Entry{Event: "request", Operation: "chat/completions", Status: http.StatusOK, TraceID: "1", Turn: "7", Deployment: "gpt"}
	seen := attempt{backend: "a", got: body, gotAll: true, gave: answer, whole: true}
	change(l, &r, &line, &seen)
	l.open("1", "chat", body)
	l.attemptBegan("1")
	l.close("1", r)
	l.note(&line)
	l.attemptEnded("1", seen)
	l.finish()
	return l
}

func TestLedger_FindsWhatIsNotAsItShouldBe(t *testing.T) {
	type change = func(l *ledger, r *result, line *stack.Entry, seen *attempt)
	for want, change := range map[string]change{
		"": func(*ledger, *result, *stack.Entry, *attempt) {},
		"a call without a line in the access log a line too many in the access log": func(_ *ledger, _ *result, line *stack.Entry, _ *attempt) { line.TraceID = "2" },
		"a table turn was given twice":                                              func(l *ledger, _ *result, _ *stack.Entry, _ *attempt) { l.turns.add("gpt", 7) },
		"a backend got a body that was not sent":                                    func(_ *ledger, _ *result, _ *stack.Entry, seen *attempt) { seen.got = sum{3} },
		"an answer that no backend gave":                                            func(_ *ledger, r *result, _ *stack.Entry, _ *attempt) { r.body = sum{3} },
		"an answer that was cut and looks whole":                                    func(_ *ledger, r *result, _ *stack.Entry, _ *attempt) { r.end = cut },
		"a call without an answer":                                                  func(_ *ledger, r *result, _ *stack.Entry, _ *attempt) { r.end = lost },
		"a status that the access log calls otherwise":                              func(_ *ledger, _ *result, line *stack.Entry, _ *attempt) { line.Status = 499 },
		"an answer 404": func(_ *ledger, r *result, line *stack.Entry, _ *attempt) {
			r.status, line.Status, r.public = http.StatusNotFound, http.StatusNotFound, true
		},
		"a 429 without a wait": func(_ *ledger, r *result, line *stack.Entry, _ *attempt) {
			r.status, line.Status, r.public = http.StatusTooManyRequests, http.StatusTooManyRequests, true
		},
		"an error without an envelope": func(_ *ledger, r *result, line *stack.Entry, _ *attempt) {
			r.status, line.Status = http.StatusBadGateway, http.StatusBadGateway
		},
		"a whole answer broke on its way": func(_ *ledger, r *result, line *stack.Entry, _ *attempt) {
			r.end, line.Outcome = broken, "stream_broken"
		},
		"a broken answer that the access log calls otherwise": func(_ *ledger, r *result, _ *stack.Entry, seen *attempt) {
			r.end, seen.whole = broken, false
		},
	} {
		if got := strings.Join(sorted(settled(change).faults), " "); got != want {
			t.Errorf("found %q, not %q", got, want)
		}
	}
}

func TestLedger_ACallIsSettledWhenAllIsKnownOfIt(t *testing.T) {
	l := newLedger()
	l.open("1", "chat", sum{})
	l.attemptBegan("1")
	l.close("1", result{end: left})
	l.note(&stack.Entry{Event: "request", Operation: "chat/completions", TraceID: "1", Outcome: "caller_left"})
	if l.unsettled() != 1 {
		t.Error("an attempt goes on")
	}
	l.attemptEnded("1", attempt{})
	l.attemptEnded("1", attempt{}) // one that began when all was over
	if l.unsettled() != 0 || len(l.faults) > 0 || l.ends["left"] != 1 || l.left["as such"] != 1 {
		t.Errorf("%d unsettled, %v", l.unsettled(), l.faults)
	}
}
