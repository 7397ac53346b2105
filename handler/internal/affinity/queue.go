package affinity

import "context"

// enqueue leaves a row to a writer; where too many wait, the row is dropped: memory has it, and backends can be asked.
func (h *Homes) enqueue(r row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case h.queue <- r:
	default:
		h.counts.dropped.Add(1)
		return
	}
	if h.writers < maxWriters {
		h.writers++
		h.o.Go(h.write)
	}
}

// write takes rows to the table until none waits. Its error is counted and no more: nobody waits for it.
func (h *Homes) write() {
	idle := false
	defer func() {
		if !idle { // a panic: the next row gets a writer again
			h.mu.Lock()
			h.writers--
			h.mu.Unlock()
		}
	}()
	for {
		r, ok := h.next()
		if !ok {
			idle = true
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), writeTime)
		err := h.o.Table.SetHome(ctx, r.id, r.backend, r.until)
		cancel()
		if err != nil {
			h.counts.unwritten.Add(1)
		} else {
			h.counts.written.Add(1)
		}
	}
}

// next is the row that waits the longest. Where there is none, its writer is counted out at the same moment, so that
// no row is left without one.
func (h *Homes) next() (row, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case r := <-h.queue:
		return r, true
	default:
		h.writers--
		return row{}, false
	}
}
