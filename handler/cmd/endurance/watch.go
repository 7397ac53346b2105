package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/status"
)

const (
	lookEvery = 500 * time.Millisecond
	sayEvery  = 5 * time.Second
	warmTime  = 20 * time.Second // in which memory grows to what the load needs
)

// level is what a handler holds at a moment.
type level struct {
	stack.Usage
	goroutines int // 0: not known
	named      int // temporary files of both handlers that have a name
}

// watch looks at what the handlers hold.
type watch struct {
	parts *parts
	began time.Time

	before [2]level // any call
	warm   [2]level // after warmTime, or what there was of it
	after  [2]level // all calls, at rest
	files  int      // temporary files at the most, of both
	rested time.Duration
}

func (w *watch) start(ctx context.Context) (err error) {
	w.before, err = w.look(ctx)
	return err
}

func (w *watch) look(ctx context.Context) (levels [2]level, err error) {
	for i, h := range w.parts.handlers {
		if levels[i].Usage, err = h.Usage(); err != nil {
			return levels, err
		}
		levels[i].goroutines = goroutines(ctx, h.URL)
		names, err := os.ReadDir(w.parts.temp)
		if err != nil {
			return levels, err
		}
		levels[i].named = len(names)
		w.files = max(w.files, levels[0].TempFiles+levels[1].TempFiles)
	}
	return levels, nil
}

// goroutines asks the handler; 0 where it does not tell.
func goroutines(ctx context.Context, base string) int {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/status.json?scope=instance&limit=1", http.NoBody)
	if err != nil {
		return 0
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	var document status.Document
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&document) != nil {
		return 0
	}
	return document.Process.Goroutines
}

// progress looks twice a second and says every 5 s how things are, until ctx ends.
func (w *watch) progress(ctx context.Context, length time.Duration) {
	begin, said := time.Now(), time.Now()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		levels, err := w.look(ctx)
		if err != nil {
			continue // endure sees that a handler has ended
		}
		if time.Since(begin) <= min(warmTime, length/2) {
			w.warm = levels
		}
		if time.Since(said) >= sayEvery {
			said = time.Now()
			w.say(levels)
		}
	}
}

func (w *watch) say(levels [2]level) {
	fmt.Printf("%5.0f s  %s; A %s; B %s\n", time.Since(w.began).Seconds(), w.parts.ledger.String(), levels[0], levels[1])
}

func (l level) String() string {
	return fmt.Sprintf("%d MB, %s goroutines, %d fds, %d threads, %d files", l.Resident>>20, known(l.goroutines), l.Descriptors, l.Threads, l.TempFiles)
}

func known(n int) string {
	if n == 0 {
		return "–"
	}
	return strconv.Itoa(n)
}

// String says how the calls stand.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed []string
	for _, end := range sorted(l.ends) {
		if end != "200" {
			failed = append(failed, fmt.Sprintf("%s %d", end, l.ends[end]))
		}
	}
	text := fmt.Sprintf("%d calls, 200 %d (%s)", l.sent, l.ends["200"], strings.Join(failed, ", "))
	if n := len(l.faults); n > 0 {
		text += fmt.Sprintf(", %d KINDS OF FAULTS", n)
	}
	return text
}

// rest waits until every call is settled and the handlers hold what they held before.
func (w *watch) rest(ctx context.Context) {
	settling, cancel := context.WithTimeout(ctx, settleTime)
	_ = stack.Until(settling, func() bool { return w.parts.ledger.unsettled() == 0 })
	cancel()
	w.parts.ledger.finish()
	fmt.Println("The load is over; waiting for what the handlers still hold.")
	began, said := time.Now(), time.Now()
	resting, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for {
		if levels, err := w.look(ctx); err == nil {
			w.after = levels
			if time.Since(said) >= sayEvery {
				said = time.Now()
				w.say(levels)
			}
		}
		w.rested = time.Since(began)
		if len(w.held()) == 0 || !wait(resting, lookEvery) {
			return
		}
	}
}

const (
	memoryMargin    = 16 << 20 // for what the load keeps by design, such as where the last responses live
	goroutineMargin = 2        // a timer's, or a reading of cooldowns
)

// held lists what is still held.
func (w *watch) held() (held []string) {
	for i, after := range w.after {
		before, name := w.before[i], string(rune('A'+i))
		if after.Descriptors > before.Descriptors {
			held = append(held, fmt.Sprintf("%s has %d file descriptors, and had %d before", name, after.Descriptors, before.Descriptors))
		}
		if before.goroutines > 0 && after.goroutines > before.goroutines+goroutineMargin {
			held = append(held, fmt.Sprintf("%s has %d goroutines, and had %d before", name, after.goroutines, before.goroutines))
		}
		if after.TempFiles > 0 || after.named > 0 {
			held = append(held, fmt.Sprintf("%s has %d temporary files, and %d have a name", name, after.TempFiles, after.named))
		}
		if most := w.warm[i].MostMemory + memoryMargin; after.Resident > most {
			held = append(held, fmt.Sprintf("%s holds %d MB, and %d MB at the most after the warm-up", name, after.Resident>>20, w.warm[i].MostMemory>>20))
		}
	}
	return held
}
