package backend

import (
	"strings"
	"sync"
	"time"
)

// Times of the outcome table that are not settings.
const (
	missingFor      = 5 * time.Minute // a deployment that a backend does not have
	unauthorizedFor = time.Minute     // a backend that refuses our credential
	failuresToOpen  = 3
	openFirst       = 10 * time.Second
	openLongest     = time.Minute
	probeWait       = time.Second // what is advertised while a probe is under way
	maxRows         = 1000        // deployments with a blemish that are remembered
)

// Cause says why a backend is skipped.
type Cause int

// The causes, as an exhausted request weighs them.
const (
	None Cause = iota
	Throttled
	Failed
	Unauthorized
	Missing
)

func (c Cause) String() string {
	return [...]string{"ready", "throttled", "failed", "unauthorized", "missing"}[c]
}

// Block is one backend's obstacle for a deployment; the zero value is none.
type Block struct {
	Until   time.Time
	Cause   Cause
	Breaker bool // a breaker is open: Until is when its next probe may be made
	Probing bool // that probe is under way: Until is a guess
}

// Health remembers, for each backend as a whole and for each deployment on it, cooldowns and failures. It is safe for
// concurrent use and bounded: it holds a row only for deployments with a blemish, at most 1,000.
type Health struct {
	defaultCooldown, maxCooldown time.Duration
	asked                        func(i int, deployment string, until time.Time, cause Cause) // nil: not shared

	mu       sync.Mutex
	whole    []cell
	rows     map[string][]cell
	used     map[string]struct{} // since Used was last called; nil: not shared
	lastUsed string              // one of them, or one that is not remembered
}

// NewHealth makes the health of n backends, all ready. A throttled backend without a hint cools for defaultCooldown;
// maxCooldown caps what a backend asks for.
func NewHealth(n int, defaultCooldown, maxCooldown time.Duration) *Health {
	return &Health{defaultCooldown: defaultCooldown, maxCooldown: maxCooldown, whole: make([]cell, n), rows: map[string][]cell{}}
}

// Ready is the bit set of backends that may be tried for the deployment now.
func (h *Health) Ready(deployment string) uint64 {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	row := h.rows[deployment]
	var ready uint64
	for i := range h.whole {
		if h.whole[i].ready(now) && (row == nil || row[i].ready(now)) {
			ready |= 1 << i
		}
	}
	return ready
}

// Blocks lists, by backend, what keeps it from being tried for the deployment.
func (h *Health) Blocks(deployment string) []Block {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	row := h.rows[deployment]
	blocks := make([]Block, len(h.whole))
	for i := range h.whole {
		blocks[i] = h.whole[i].block(now)
		if row != nil {
			blocks[i] = later(blocks[i], row[i].block(now))
		}
	}
	return blocks
}

func later(a, b Block) Block {
	if b.Until.After(a.Until) {
		return b
	}
	return a
}

// Begin starts an attempt. It reports false where another request took the only probe first. Every attempt that
// begins must end by exactly one of Attempt's methods.
func (h *Health) Begin(i int, deployment string) (*Attempt, bool) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.used != nil && deployment != h.lastUsed {
		h.use(deployment)
	}
	row := h.rows[deployment]
	if !h.whole[i].ready(now) || (row != nil && !row[i].ready(now)) {
		return nil, false
	}
	a := &Attempt{health: h, backend: i, deployment: deployment, began: now}
	a.probesWhole = h.whole[i].probe(now)
	if row != nil {
		a.probesRow = row[i].probe(now)
	}
	return a, true
}

// row finds or makes the deployment's row. The mutex is held.
func (h *Health) row(deployment string, now time.Time) []cell {
	if row := h.rows[deployment]; row != nil {
		return row
	}
	if len(h.rows) >= maxRows {
		h.sweep(now)
	}
	row := make([]cell, len(h.whole))
	h.rows[strings.Clone(deployment)] = row // the name may be a part of a long path, which a copy lets go of
	return row
}

// sweep makes room: rows without a blemish go, and where there are none the one that is missed least. Names that a
// caller made up, which no backend has, go before the cooldowns of real ones, and of those the first to recover.
func (h *Health) sweep(now time.Time) {
	var least string
	var worth Block
	for name, row := range h.rows {
		last := lastBlock(row, now)
		if last.Cause == None {
			delete(h.rows, name)
		} else if least == "" || lessWorth(last, worth) {
			least, worth = name, last
		}
	}
	if len(h.rows) >= maxRows {
		delete(h.rows, least)
	}
}

func lessWorth(a, b Block) bool {
	if (a.Cause == Missing) != (b.Cause == Missing) {
		return a.Cause == Missing
	}
	return a.Until.Before(b.Until)
}

// lastBlock is the row's longest block that is more than a missing deployment, or else its longest.
func lastBlock(row []cell, now time.Time) Block {
	var last Block
	for i := range row {
		b := row[i].block(now)
		if last.Cause == None || (b.Cause != None && lessWorth(last, b)) {
			last = b
		}
	}
	return last
}

// Remembered is for how many deployments there is anything to remember.
func (h *Health) Remembered() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rows)
}
