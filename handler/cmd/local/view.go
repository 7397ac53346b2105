package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/status"
)

const (
	drawInterval = 100 * time.Millisecond
	lookInterval = 500 * time.Millisecond
	keptLines    = 8  // of calls, under the table
	keptCalls    = 48 // in the strip of the last ones
)

// view shows what /status.json says of each backend, and the calls from the handler's access log.
type view struct {
	screen *screen
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	shown  status.Document
	looked time.Time // when shown was read
	strip  []byte    // a letter a call
	lines  []string  // the last calls
}

// watch follows the handler until view.end.
func (l *local) watch(ctx context.Context) *view {
	ctx, cancel := context.WithCancel(ctx)
	v := &view{screen: l.screen, cancel: cancel}
	v.done.Go(func() {
		for entry := range l.front.Log.Follow(ctx) {
			switch {
			case entry.Event == "request" && entry.Operation != "":
				v.add(entry)
			case entry.Problem != "" || entry.Event == "counter_shared":
				v.screen.say("  %s", strings.TrimRight(entry.Event+": "+entry.Problem, ": "))
			}
		}
	})
	if v.screen.live {
		v.done.Go(func() { every(ctx, lookInterval, func() { v.look(ctx, l.front.URL) }) })
		v.done.Go(func() { every(ctx, drawInterval, func() { v.screen.draw(v.table(time.Now())) }) })
	}
	return v
}

// every does something at once and then again and again, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// end leaves the table as it stands. It may be called twice.
func (v *view) end() {
	v.cancel()
	v.done.Wait()
	v.screen.keep()
}

// look reads the handler's status. What cannot be read leaves the table as it was.
func (v *view) look(ctx context.Context, base string) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/status.json?scope=instance", nil)
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	var d status.Document
	if json.NewDecoder(response.Body).Decode(&d) != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shown, v.looked = d, time.Now()
}

// add notes a call; away from a terminal it is printed at once.
func (v *view) add(e stack.Entry) {
	line := describe(e)
	v.mu.Lock()
	defer v.mu.Unlock()
	letter := byte('-')
	if e.Backend != "" && e.Status < 400 {
		letter = e.Backend[0]
	}
	v.strip = append(v.strip, letter)
	v.strip = v.strip[max(0, len(v.strip)-keptCalls):]
	v.lines = append(v.lines, line)
	v.lines = v.lines[max(0, len(v.lines)-keptLines):]
	if !v.screen.live {
		v.screen.say("  %s", line)
	}
}

// describe is a call in one line.
func describe(e stack.Entry) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%-10s  %d  %6.0f ms  turn %s", e.Backend, e.Status, e.Duration, e.Turn)
	for _, a := range e.Attempts[:max(0, len(e.Attempts)-1)] {
		fmt.Fprintf(&line, "  after %s %d", a.Backend, a.Status)
		if a.Wait > 0 {
			fmt.Fprintf(&line, ", wait %.1f s", a.Wait/1000)
		}
	}
	return line.String()
}

func (v *view) table(now time.Time) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	lines := []string{""}
	for _, d := range v.shown.Deployments {
		lines = append(lines, fmt.Sprintf("  %-14s  served  share  429s  failed  moved on  tokens  first byte  now", d.Name))
		for _, b := range d.Backends {
			lines = append(lines, "    "+columns(b, now.Sub(v.looked)))
		}
	}
	lines = append(lines, "  last calls  "+string(v.strip), "")
	for _, line := range v.lines {
		lines = append(lines, "  "+line)
	}
	return lines
}

// columns is a deployment at one backend over the last minutes, as it was a while ago.
func columns(b status.DeploymentAtBackend, ago time.Duration) string {
	share, firstByte, state := "-", "-", b.State
	if b.Share != nil {
		share = fmt.Sprintf("%.0f %%", 100**b.Share)
	}
	if l := b.Recent.FirstByte; l != nil {
		firstByte = fmt.Sprintf("%.0f ms", l.P50)
	}
	if left := time.Duration(b.RemainingMS)*time.Millisecond - ago; b.RemainingMS > 0 {
		state = fmt.Sprintf("%s (%s), %.1f s left", b.State, b.Cause, max(left, 0).Seconds())
	}
	f := b.Recent
	return fmt.Sprintf("%-12s  %6d  %5s  %4d  %6d  %8d  %6d  %10s  %s",
		b.Name, f.Served, share, f.Throttled, f.Failed, f.MovedOn, f.InputTokens+f.OutputTokens, firstByte, state)
}
