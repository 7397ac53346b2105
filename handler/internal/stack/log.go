package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"sync"
)

const (
	maxEntries = 20_000
	maxTail    = 100
	maxLine    = 64 << 10
)

// Entry is one event of a handler's log.
type Entry struct {
	Level        string    `json:"level"`
	Event        string    `json:"event"`
	Address      string    `json:"address"`
	Problem      string    `json:"problem"`
	Turn         string    `json:"turn"`
	Backend      string    `json:"backend"`
	Deployment   string    `json:"gen_ai.request.model"`
	Operation    string    `json:"gen_ai.operation.name"`
	Status       int       `json:"http.response.status_code"`
	Outcome      string    `json:"outcome"`
	Code         string    `json:"error.type"`
	Duration     float64   `json:"duration_ms"`
	FirstByte    float64   `json:"first_byte_ms"`
	InvocationID string    `json:"invocation_id"`
	TraceID      string    `json:"trace_id"`
	Attempts     []Attempt `json:"attempts"`
	Text         string    `json:"-"` // the line itself
}

// Attempt is one try at one backend.
type Attempt struct {
	Backend  string  `json:"backend"`
	Status   int     `json:"status"`
	Outcome  string  `json:"outcome"`
	Duration float64 `json:"duration_ms"`
	Wait     float64 `json:"wait_ms"` // that the backend asked for
}

// Log keeps what a handler writes, alone or through the console of a Functions host: the newest 20,000 events, and the
// last 100 lines of any kind. Safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	partial []byte
	entries []Entry // a ring once it is full
	added   int     // entries ever added
	tail    []string
	changed chan struct{} // closed and replaced with every entry
	ended   bool
}

func newLog() *Log { return &Log{changed: make(chan struct{})} }

// Write takes in any part of the output. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := p
	for {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(l.partial); len(line) > room {
			line = line[:room]
		}
		l.partial = append(l.partial, line...)
		if !complete {
			return len(p), nil
		}
		l.add(bytes.TrimRight(l.partial, "\r"))
		l.partial, rest = l.partial[:0], after
	}
}

// add keeps one line and the events in it. The console of a Functions host puts a time before a handler's line, and now
// and then the end of another line, or this one's end behind the beginning of the next.
func (l *Log) add(line []byte) {
	if len(l.tail) == maxTail {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.tail = append(l.tail, string(line))
	for {
		start := bytes.Index(line, []byte(`{"level":`))
		if start < 0 {
			return
		}
		line = line[start:]
		line = line[max(1, l.addEntry(line)):]
	}
}

// addEntry keeps the event that the text begins with, and gives its length; 0 where there is none.
func (l *Log) addEntry(text []byte) int {
	entry := Entry{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if decoder.Decode(&entry) != nil || entry.Event == "" {
		return 0
	}
	length := int(decoder.InputOffset())
	entry.Text = string(text[:length])
	if len(l.entries) < maxEntries {
		l.entries = append(l.entries, entry)
	} else {
		l.entries[l.added%maxEntries] = entry
	}
	l.added++
	l.notify()
	return length
}

func (l *Log) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// end tells those who wait that nothing will come.
func (l *Log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.notify()
}

// Len is the number of events so far, those included that are no longer kept.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.added
}

// Since gives the events from number n on, as far as they are kept. The first has the number 0.
func (l *Log) Since(n int) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since(n)
}

func (l *Log) since(n int) []Entry {
	var since []Entry
	for i := max(n, l.added-len(l.entries)); i < l.added; i++ {
		since = append(since, l.entries[i%maxEntries])
	}
	return since
}

// Events gives all events of a name.
func (l *Log) Events(name string) []Entry {
	return slices.DeleteFunc(l.Since(0), func(e Entry) bool { return e.Event != name })
}

// Requests gives the lines of the access log.
func (l *Log) Requests() []Entry { return l.Events("request") }

// Tail is the last 100 lines of any kind.
func (l *Log) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	for _, line := range l.tail {
		text = append(append(text, line...), '\n')
	}
	return string(text)
}

var errLogEnded = errors.New("the process ended without logging it")

// Wait returns the first event of a name, past or to come.
func (l *Log) Wait(ctx context.Context, name string) (Entry, error) {
	return l.WaitFor(ctx, func(e Entry) bool { return e.Event == name })
}

// WaitFor returns the first event, past or to come, that matches.
func (l *Log) WaitFor(ctx context.Context, matches func(Entry) bool) (Entry, error) {
	for entry := range l.Follow(ctx) {
		if matches(entry) {
			return entry, nil
		}
	}
	if ctx.Err() != nil {
		return Entry{}, context.Cause(ctx)
	}
	return Entry{}, errLogEnded
}

// Follow goes through all events, past and to come, until the context or the process ends.
func (l *Log) Follow(ctx context.Context) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for next := 0; ; {
			news := l.news(next)
			for _, entry := range news.entries {
				if !yield(entry) {
					return
				}
			}
			next = news.next
			if news.ended {
				return
			}
			select {
			case <-news.more:
			case <-ctx.Done():
				return
			}
		}
	}
}

// news is what there is to read from one event on.
type news struct {
	entries []Entry
	next    int
	ended   bool
	more    <-chan struct{}
}

func (l *Log) news(from int) news {
	l.mu.Lock()
	defer l.mu.Unlock()
	return news{entries: l.since(from), next: l.added, ended: l.ended, more: l.changed}
}
