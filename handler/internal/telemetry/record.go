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
	Stream      bool   // the answer is a stream of events
	Usage       Usage
	Attempts    []Attempt
	RequestSize int64
}

// Usage is the tokens that an answer says it took. The zero value is an answer that does not say.
type Usage struct {
	Told                     bool
	Input, Output, CacheRead int64 // where told: -1 for what is missing
}

// Attempt is one try at one backend.
type Attempt struct {
	Backend     string
	Status      int    // 0: no answer
	Outcome     string // a word of the outcome table
	Duration    time.Duration
	Wait        time.Duration // that the backend asked for
	Cooldown    time.Duration // that began with it, or was extended by it; 0: none
	MaybeBilled bool          // was sent, was not answered
	Headroom    Headroom
}

// Headroom is what an answer says of its backend's limits. The zero value is an answer that does not say.
type Headroom struct {
	Told                               bool
	RemainingRequests, RemainingTokens int64 // where told: -1 for what is missing
	LimitRequests, LimitTokens         int64
	Utilization                        float64 // of a provisioned deployment, in percent
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
