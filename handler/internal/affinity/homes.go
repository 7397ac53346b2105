package affinity

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// maxRecent bounds memory to about 4 MiB.
	maxRecent  = 16_384
	recentFor  = 24 * time.Hour
	unknownFor = time.Second // that nobody has an id may change soon

	// rowFor is how long Azure keeps a response (https://learn.microsoft.com/azure/foundry/openai/how-to/responses). What
	// lives longer is found again by asking for it.
	rowFor = 30 * 24 * time.Hour

	// tableTime is what a caller waits for the table: well above the 5 to 30 ms of a read.
	tableTime   = 250 * time.Millisecond
	againAfter  = 100 * time.Millisecond // a row may be on its way from another instance
	searchTime  = 2 * time.Second
	writeTime   = 5 * time.Second
	maxSearches = 64 // at a time
	maxQueued   = 1024
	maxWriters  = 4
)

// Table keeps homes for the fleet and across restarts. It is called from several goroutines at once.
type Table interface {
	// Home is the name of the backend where an id lives; empty where no row says so, or the row has expired.
	Home(ctx context.Context, id string) (backend string, err error)
	// SetHome keeps it until the time given.
	SetHome(ctx context.Context, id, backend string, until time.Time) error
}

// Home is what is known of an id.
type Home struct {
	Backend string // empty: not known
	Absent  uint64 // then the bit set of the backends that say they do not have it
}

// Search asks the backends for an id. It must end when ctx does.
type Search func(ctx context.Context) Home

// Options are what New needs.
type Options struct {
	Backends []string // the names of those that are configured
	Table    Table    // nil: only this process remembers
	Go       func(func())
}

// Homes remembers which backend each id lives at: in bounded memory, and in a table that no caller waits for when it is
// written. It is safe for concurrent use.
type Homes struct {
	o        Options
	lookups  singleflight.Group
	searches chan struct{} // a place for each lookup under way
	counts   counts

	mu      sync.Mutex
	recent  recent
	queue   chan row
	writers int
}

// row is a home on its way to the table.
type row struct {
	id, backend string
	until       time.Time
}

type counts struct{ written, unwritten, dropped, read, unread, found, crowded atomic.Uint64 }

// Stats says what Homes did since it was made.
type Stats struct {
	Written   uint64 // rows
	Unwritten uint64 // rows that storage did not take
	Dropped   uint64 // rows for which the queue had no room
	Read      uint64 // homes that came from the table
	Unread    uint64 // reads of the table that failed
	Found     uint64 // homes that a backend told of
	Crowded   uint64 // lookups that were not made because too many were under way
}

// New makes a Homes that knows nothing yet. It does no I/O.
func New(o Options) *Homes {
	if o.Go == nil {
		o.Go = func(f func()) { go f() }
	}
	return &Homes{o: o, searches: make(chan struct{}, maxSearches), recent: newRecent(maxRecent), queue: make(chan row, maxQueued)}
}

// Stats returns the figures so far.
func (h *Homes) Stats() Stats {
	c := &h.counts
	return Stats{
		Written: c.written.Load(), Unwritten: c.unwritten.Load(), Dropped: c.dropped.Load(), Read: c.read.Load(),
		Unread: c.unread.Load(), Found: c.found.Load(), Crowded: c.crowded.Load(),
	}
}

// Remember notes where an id lives. The table learns of it later.
func (h *Homes) Remember(id, backend string) {
	if h.note(id, Home{Backend: backend}, recentFor) && h.o.Table != nil {
		h.enqueue(row{id, backend, time.Now().Add(rowFor)})
	}
}

// note reports whether the home is news.
func (h *Homes) note(id string, home Home, keep time.Duration) bool {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if known, ok := h.recent.get(id, now); ok && known == home {
		return false
	}
	h.recent.put(strings.Clone(id), home, now.Add(keep)) // the id may be a part of something long
	return true
}

// Find says where an id lives: from memory at once, else from the table within 250 ms, else by a search within 2 s.
// Those who ask for the same id at the same time wait for one lookup; it goes on where they leave. A nil search means
// that nobody can be asked. Find never fails: what is not known is not known.
func (h *Homes) Find(ctx context.Context, id string, search Search) Home {
	h.mu.Lock()
	home, ok := h.recent.get(id, time.Now())
	h.mu.Unlock()
	if ok {
		return home
	}
	found := h.lookups.DoChan(id, func() (any, error) {
		return h.lookup(context.WithoutCancel(ctx), id, search), nil
	})
	select {
	case result := <-found:
		home, _ := result.Val.(Home)
		return home
	case <-ctx.Done():
		return Home{}
	}
}

// lookup recovers from panics: singleflight would let them end the process.
func (h *Homes) lookup(ctx context.Context, id string, search Search) (home Home) {
	defer func() {
		if recover() != nil {
			home = Home{}
		}
	}()
	select {
	case h.searches <- struct{}{}:
		defer func() { <-h.searches }()
	default:
		h.counts.crowded.Add(1)
		return Home{}
	}
	if backend := h.read(ctx, id, search == nil); backend != "" {
		h.note(id, Home{Backend: backend}, recentFor)
		return Home{Backend: backend}
	}
	if search != nil {
		ctx, cancel := context.WithTimeout(ctx, searchTime)
		home = search(ctx)
		cancel()
	}
	if home.Backend == "" {
		h.note(id, home, unknownFor)
		return home
	}
	h.counts.found.Add(1)
	h.Remember(id, home.Backend)
	return home
}

// read asks the table, and where that is the only one who can know it, once more a moment later.
func (h *Homes) read(ctx context.Context, id string, again bool) string {
	if h.o.Table == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, tableTime)
	defer cancel()
	for {
		backend, err := h.o.Table.Home(ctx, id)
		switch {
		case err != nil:
			h.counts.unread.Add(1)
			return ""
		case slices.Contains(h.o.Backends, backend):
			h.counts.read.Add(1)
			return backend
		case !again:
			return ""
		}
		again = false
		timer := time.NewTimer(againAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ""
		}
	}
}
