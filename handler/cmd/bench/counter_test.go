package main

import (
	"net/http"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
)

const turnsPath = "/account/table(PartitionKey='chat',RowKey='turns')"

func TestRowWatch_TellsTurnsFromOtherRows(t *testing.T) {
	w := &rowWatch{}
	for _, c := range []stack.TableCall{
		{Method: http.MethodPost, Path: "/account/table", Status: http.StatusNoContent},
		{Method: http.MethodGet, Path: turnsPath, Status: http.StatusOK},
		{Method: http.MethodPatch, Path: turnsPath, Status: http.StatusNoContent},
		{Method: http.MethodPatch, Path: turnsPath, Status: http.StatusPreconditionFailed},
		{Method: http.MethodGet, Path: "/account/table(PartitionKey='chat',RowKey='cooldowns')", Status: http.StatusOK},
	} {
		w.saw(c)
	}
	r := w.take()
	if r.reads != 1 || r.updates != 1 || r.conflicts != 1 || r.others != 2 || len(r.out) != 3 {
		t.Errorf("%+v", r)
	}
	if again := w.take(); again.updates != 0 {
		t.Errorf("taken twice: %+v", again)
	}
}

func TestCounting_ACallWaitedThatOutlivedAClaim(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	c := counting{delay: at(50)}
	c.rows.out = []span{{began.Add(at(100)), began.Add(at(150))}, {began.Add(at(150)), began.Add(at(200))}}
	c.rows.done = []time.Time{began.Add(at(200))}
	c.round = round{began: began, samples: []sample{
		{at(99), at(102)},  // waited
		{at(120), at(1)},   // took from the stock while the claim was out
		{at(199), at(2)},   // ended with the claim, and was too short to have waited
		{at(300), at(100)}, // slow for another reason
	}}
	if got := c.waited(); got != 1 {
		t.Errorf("%d calls waited, want 1", got)
	}
	if got := c.rows.during(c.round); len(got) != 2 || got[0] != at(1) {
		t.Errorf("while the claim was out began %v", got)
	}
}
