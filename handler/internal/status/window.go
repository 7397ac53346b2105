package status

// The window of what is called recent.
const (
	steps       = 20
	stepSeconds = 15
)

// step is what one step of the window added to a tally. A step without traffic is nil.
type step struct {
	counts    counts
	durations []bucketCount // the buckets that are not empty
}

// bucketCount is one bucket of a distribution.
type bucketCount struct {
	bucket uint8
	n      uint32
}

// window remembers how far a tally came in each step of the last minutes. The newest step is the one under way, which
// the tally itself knows. Meter's lock guards it.
type window struct {
	done      [steps - 1]*step // oldest first
	counted   counts           // in all steps that are over
	durations distribution     // likewise
}

// advance ends the step under way, and reports whether anything happened in the window.
func (w *window) advance(t *tally) (lives bool) {
	last := w.underWay(t)
	copy(w.done[:], w.done[1:])
	w.done[len(w.done)-1] = last
	if last != nil {
		w.counted.plus(last.counts)
		for _, b := range last.durations {
			w.durations[b.bucket] += b.n
		}
	}
	for _, s := range w.done {
		lives = lives || s != nil
	}
	return lives
}

// underWay is the step so far; nil where nothing happened.
func (w *window) underWay(t *tally) *step {
	s := &step{counts: t.now().minus(w.counted)}
	if s.counts == (counts{}) {
		return nil
	}
	for i := range t.durations {
		if n := t.durations[i].Load() - w.durations[i]; n > 0 {
			s.durations = append(s.durations, bucketCount{uint8(i), n})
		}
	}
	return s
}

// sum adds the steps up.
func (w *window) sum(t *tally) sum {
	s := sum{total: t.now()}
	for i, done := range w.done {
		s.add(i, done)
	}
	s.add(steps-1, w.underWay(t))
	return s
}

// sum is all there is to say of a tally: since the start, and in the window.
type sum struct {
	total   counts
	recent  counts
	latency distribution // of the window
	history history
}

// history is, for each step of the window from the oldest on, what the page draws.
type history [steps]struct{ served, throttled, failed uint32 }

func (s *sum) add(i int, step *step) {
	if step == nil {
		return
	}
	s.recent.plus(step.counts)
	for _, b := range step.durations {
		s.latency[b.bucket] += b.n
	}
	h := &s.history[i]
	h.served, h.throttled, h.failed = uint32(step.counts[served]), uint32(step.counts[throttled]), uint32(step.counts[failed])
}

// plus merges what another instance says of the same. late is by how many steps its window ended earlier.
func (s *sum) plus(other *sum, late int) {
	s.total.plus(other.total)
	if late >= steps {
		return
	}
	s.recent.plus(other.recent)
	s.latency.plus(&other.latency)
	for i := range steps - late {
		s.history[i].served += other.history[i+late].served
		s.history[i].throttled += other.history[i+late].throttled
		s.history[i].failed += other.history[i+late].failed
	}
}
