package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aoai-balancer/handler/internal/stack"
)

const (
	drawInterval = 100 * time.Millisecond
	keptLines    = 8  // of calls, under the table
	keptCalls    = 48 // in the strip of the last ones
)

// view shows which backend served what, from the handler's own access log.
type view struct {
	screen *screen
	names  []string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	rows  map[string]*row
	strip []byte   // a letter a call
	lines []string // the last calls
}

// row is a backend as the table shows it.
type row struct {
	served    int
	throttled int
	cooling   time.Time // until when
}

// watch follows the access log until view.end.
func (l *local) watch(ctx context.Context) *view {
	ctx, cancel := context.WithCancel(ctx)
	v := &view{screen: l.screen, cancel: cancel, rows: map[string]*row{}}
	for _, b := range l.backends {
		v.names = append(v.names, b.Name)
		v.rows[b.Name] = &row{}
	}
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
	v.done.Go(func() { v.redraw(ctx) })
	return v
}

// end leaves the table as it stands. It may be called twice.
func (v *view) end() {
	v.cancel()
	v.done.Wait()
	v.screen.keep()
}

func (v *view) redraw(ctx context.Context) {
	ticker := time.NewTicker(drawInterval)
	defer ticker.Stop()
	for {
		v.screen.draw(v.table(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// add counts a call; away from a terminal it is printed at once.
func (v *view) add(e stack.Entry) {
	line := describe(e)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range e.Attempts {
		if r := v.rows[a.Backend]; r != nil && a.Status == 429 {
			r.throttled++
			r.cooling = time.Now().Add(time.Duration(a.Wait * float64(time.Millisecond)))
		}
	}
	letter := byte('-')
	if r := v.rows[e.Backend]; r != nil && e.Status < 400 {
		r.served++
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
	lines := []string{"", "  backend     served  throttled  now"}
	for _, name := range v.names {
		r := v.rows[name]
		state := "ready"
		if left := r.cooling.Sub(now); left > 0 {
			state = fmt.Sprintf("cooling, %.1f s left", left.Seconds())
		}
		lines = append(lines, fmt.Sprintf("  %-10s  %6d  %9d  %s", name, r.served, r.throttled, state))
	}
	lines = append(lines, "  last calls  "+string(v.strip), "")
	for _, line := range v.lines {
		lines = append(lines, "  "+line)
	}
	return lines
}
