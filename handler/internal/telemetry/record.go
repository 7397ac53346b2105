package telemetry

import (
	"context"
	"time"
)

// Record is what the access log will say of one request. The request's own goroutine fills it; it is not safe for
// concurrent use.
type Record struct {
	Operation   string
	Deployment  string
	Turn        string
	Backend     string // of the answer that the caller got
	Code        string // of an answer of our own
	Outcome     string // set where the answer did not end well: "caller_left", "stream_broken", "stream_idle"
	Complete    bool   // the answer was read to its end
	Attempts    []Attempt
	RequestSize int64
}

// Attempt is one try at one backend.
type Attempt struct {
	Backend     string
	Status      int    // 0: no answer
	Outcome     string // a word of the outcome table
	Duration    time.Duration
	Wait        time.Duration // that the backend asked for
	MaybeBilled bool          // was sent, was not answered
}

// maybeBilled counts the attempts that were sent and not answered.
func (r *Record) maybeBilled() int {
	n := 0
	for _, a := range r.Attempts {
		if a.MaybeBilled {
			n++
		}
	}
	return n
}

type recordKey struct{}

// WithRecord adds a fresh record to the context.
func WithRecord(ctx context.Context) (context.Context, *Record) {
	r := &Record{}
	return context.WithValue(ctx, recordKey{}, r), r
}

// RecordOf is the context's record; one that nobody reads where there is none, so that callers need no check.
func RecordOf(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return &Record{}
}
