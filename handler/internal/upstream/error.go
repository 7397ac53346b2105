package upstream

import (
	"context"
	"errors"
	"os"
	"time"
)

// Progress is how far an exchange got.
type Progress int

// The steps of an exchange.
const (
	NotSendable  Progress = iota // the request cannot be sent to any backend
	NotConnected                 // no connection was had
	Connected                    // a connection was had; nothing was sent
	Sent                         // something of the request was sent; the backend may have worked on it
	Answered                     // something came back
)

// Error is an exchange that failed before its answer's headers were complete.
type Error struct {
	Progress Progress
	Reused   bool // the connection had served before
	Err      error
}

func (e Error) Error() string { return "upstream: " + e.Err.Error() }

func (e Error) Unwrap() error { return e.Err }

// IsStale reports whether a connection that had served before ended without an answer: most likely the backend had closed
// it while it waited, which says nothing about the backend.
func (e Error) IsStale() bool {
	return e.Reused && (e.Progress == Connected || e.Progress == Sent) && !errors.Is(e.Err, ErrBody)
}

var (
	// ErrTimedOut is that the time given is over.
	ErrTimedOut = errors.New("not in time")
	// ErrBody is that the request's body could not be read, or was of another length than it said: no backend's fault.
	ErrBody = errors.New("the request's body failed")
)

var (
	errHeadersTooLong = errors.New("the answer's headers are too long")
	errTooManyInterim = errors.New("too many interim answers")
	errNoStatus       = errors.New("a status that HTTP does not have")
	errUpgraded       = errors.New("an upgrade that was not asked for")
)

// unconnected is why no connection was had.
func unconnected(ctx context.Context, until time.Time, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !until.IsZero() && !time.Now().Before(until):
		return ErrTimedOut
	}
	return err // also where dialling took its own time
}

// reason is why a connection failed: an end that was set from outside shows as its failure.
func reason(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimedOut
	}
	return err
}
