package rotation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

// row is a counter row in a storage service of 5 to 30 ms a call, for one deployment and a whole fleet.
type row struct {
	mu       sync.Mutex
	exists   bool
	next     uint64
	version  int
	calls    int // reads and updates
	claims   []rotation.Claim
	fault    func(context.Context) error // nil: the service works
	min, max time.Duration
}

func newRow() *row { return &row{min: 5 * time.Millisecond, max: 30 * time.Millisecond} }

// Claim reads and updates. Each acts in the middle of its time.
func (r *row) Claim(ctx context.Context, c rotation.Claim) (uint64, error) {
	if err := r.begin(ctx, c); err != nil {
		return 0, err
	}
	read, update := r.latency(), r.latency()
	if err := pause(ctx, read/2); err != nil {
		return 0, err
	}
	next, version := r.read(c.Start)
	if err := pause(ctx, read/2+update/2); err != nil {
		return 0, err
	}
	ok := r.update(version, next+c.Count)
	if err := pause(ctx, update/2); err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("row: %w", rotation.ErrConflict)
	}
	return next, nil
}

func (r *row) begin(ctx context.Context, c rotation.Claim) error {
	r.mu.Lock()
	r.claims = append(r.claims, c)
	fault := r.fault
	r.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx)
}

// fail makes every further claim end as f does; nil repairs the service.
func (r *row) fail(f func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = f
}

func (r *row) latency() time.Duration { return r.min + rand.N(r.max-r.min+1) }

func (r *row) read(start uint64) (next uint64, version int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if !r.exists {
		return start, 0
	}
	return r.next, r.version
}

func (r *row) update(version int, next uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if version != r.version {
		return false
	}
	r.exists, r.next = true, next
	r.version++
	return true
}

func (r *row) operations() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// claimed is what was asked for so far, in order.
func (r *row) claimed() []rotation.Claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rotation.Claim(nil), r.claims...)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hang is a service that takes connections and says nothing.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
