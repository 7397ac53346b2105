package store

import (
	"context"
	"sync"

	"aoai-balancer/handler/internal/rotation"
)

// maxRows bounds Memory. A row that was dropped begins at the time again, so it gives no turn twice.
const maxRows = 10_000

// Memory keeps rows for one process that has no storage. Nothing of it is shared with others or outlives the process.
// Its zero value is ready for use, and it is safe for concurrent use.
type Memory struct {
	mu   sync.Mutex
	next map[string]uint64
}

// Claim advances the deployment's row. It fails only where turns are used up.
func (m *Memory) Claim(_ context.Context, c rotation.Claim) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first, ok := m.next[c.Deployment]
	if !ok {
		first = c.Start
		m.makeRoom()
	}
	next, err := advance(first, c.Count)
	if err != nil {
		return 0, err
	}
	m.next[c.Deployment] = uint64(next)
	return first, nil
}

// makeRoom drops any row if there are too many. m.mu is held.
func (m *Memory) makeRoom() {
	if m.next == nil {
		m.next = map[string]uint64{}
	}
	if len(m.next) < maxRows {
		return
	}
	for name := range m.next {
		delete(m.next, name)
		return
	}
}
