package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen prints lines, and below them on a terminal a table that is drawn again in place. Safe for concurrent use.
type screen struct {
	out   io.Writer
	live  bool // out is a terminal that can be drawn on
	begin time.Time

	mu    sync.Mutex
	table []string // as drawn last
}

func newScreen(out *os.File) *screen {
	return &screen{out: out, live: isTerminal(out) && os.Getenv("TERM") != "dumb", begin: time.Now()}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say prints a line, above the table.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redraw(fmt.Sprintf(format, args...)+"\n", s.table)
}

// draw replaces the table. Away from a terminal it prints nothing.
func (s *screen) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.redraw("", lines)
	}
}

// keep leaves the table as it stands; the next one begins below it.
func (s *screen) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table = nil
}

// redraw writes everything at once, so that nothing flickers. The two sequences, to the beginning of the nth line above
// and to erase from there on, are those of ECMA-48.
func (s *screen) redraw(text string, table []string) {
	var b strings.Builder
	if len(s.table) > 0 {
		fmt.Fprintf(&b, "\x1b[%dF\x1b[J", len(s.table))
	}
	b.WriteString(text)
	for _, line := range table {
		b.WriteString(line + "\n")
	}
	s.table = table
	// Nobody is left to tell where the terminal is gone.
	_, _ = io.WriteString(s.out, b.String())
}

// stillInterval is after how long a step says that it is still under way.
const stillInterval = 5 * time.Second

// step says what is done now, and every 5 s that it still is.
func (s *screen) step(what string, do func() error) error {
	began := time.Now()
	s.say("%7.1f s  %s …", time.Since(s.begin).Seconds(), what)
	done := make(chan error, 1)
	go func() { done <- do() }()
	ticker := time.NewTicker(stillInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			s.say("           … still at it after %.0f s", time.Since(began).Seconds())
		}
	}
}

// note says something of the last step.
func (s *screen) note(format string, args ...any) {
	s.say("           "+format, args...)
}
