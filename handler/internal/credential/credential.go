// Package credential obtains each backend's credential and keeps it fresh.
package credential

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keyHeaderName   = "api-key"
	tokenHeaderName = "Authorization"
	redacted        = "[redacted]"
)

// Header is the one request header that carries a credential: api-key with a key, or Authorization with a bearer token.
// Headers can be compared with ==. However it is printed or encoded, its value does not show; but printing cannot be
// kept from an unexported field of another struct, so do not keep a Header in one that is printed.
type Header struct{ Name, Value string }

// String gives the name alone.
func (h Header) String() string { return h.Name + ": " + redacted }

// GoString is String, for %#v.
func (h Header) GoString() string { return h.String() }

// Format is String for every verb: fmt would print the fields for those that String does not serve, such as %d.
func (h Header) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// MarshalJSON gives String as JSON.
func (h Header) MarshalJSON() ([]byte, error) { return json.Marshal(h.String()) }

// Options are what a [Source] needs of the program. The zero value is good for tests.
type Options struct {
	// Go starts the source's one goroutine; nil is a go statement.
	Go func(func())
	// Log is told of "credential_ready", "credential_changed" and "credential_failed", the last with an *[Error]. A
	// failure is told once and again where its text changes. It is called from the source's goroutine; nil is nobody.
	Log func(event string, err error)
}

// Source is one backend's credential. It is safe for concurrent use, and a value at hand is given without a lock.
type Source struct {
	kind    string
	fetch   fetchFunc // nil where the value is given once and for all
	options Options
	current atomic.Pointer[value]

	mu       sync.Mutex
	started  bool
	stopped  bool
	fetching bool
	begun    int           // fetches
	ended    int           // fetches
	failures int           // since the last success
	failure  *Error        // of the last fetch; nil after a success
	told     string        // the failure that Log was told of
	next     time.Time     // when the next fetch is due
	renewal  int           // the number of the fetch that answers the last Renew
	renewed  time.Time     // when that was asked for
	changed  chan struct{} // closed and replaced when a fetch has ended
	wake     chan struct{} // makes the next fetch due at once
}

// value is a credential as it was fetched.
type value struct {
	header  Header
	fetched time.Time
	expires time.Time // zero: never
	refresh time.Time // when to ask again
}

// fetchFunc gets a value, and says when to get it again. Its errors are of type *Error.
type fetchFunc func(ctx context.Context) (value, error)

func newSource(kind string, o Options, fetch fetchFunc) *Source {
	if o.Go == nil {
		o.Go = func(f func()) { go f() }
	}
	if o.Log == nil {
		o.Log = func(string, error) {}
	}
	return &Source{
		kind: kind, options: o, fetch: fetch,
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Literal is a key that the settings hold. It needs no Start and never changes.
func Literal(key string) *Source {
	s := newSource("literal", Options{}, nil)
	s.stopped = true
	header, err := keyHeader(key)
	if err != nil {
		s.failure = err
		return s
	}
	s.current.Store(&value{header: header, fetched: time.Now()})
	return s
}

// AtHand gives the credential to send, without waiting; false where none is at hand.
func (s *Source) AtHand() (Header, bool) {
	if v := s.current.Load(); v.good() {
		return v.header, true
	}
	return Header{}, false
}

// Header gives the credential to send. A value at hand comes at once and without I/O, even where ctx has ended. Else it
// waits until a fetch has brought one, at most until ctx ends, and not at all where the next fetch is due only after
// ctx's deadline. Its errors are of type *[Error]; errors.Is tells whether ctx's end was the reason.
func (s *Source) Header(ctx context.Context) (Header, error) {
	if h, ok := s.AtHand(); ok {
		return h, nil
	}
	for {
		changed, failure := s.expect(ctx)
		if h, ok := s.AtHand(); ok { // looked at after changed was taken, so that none is missed
			return h, nil
		}
		if failure != nil {
			return Header{}, failure
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Header{}, s.overdue(ctx)
		}
	}
}

func (v *value) good() bool {
	return v != nil && (v.expires.IsZero() || time.Now().Before(v.expires))
}

// expect gives what to wait for, or the reason not to wait.
func (s *Source) expect(ctx context.Context) (changed <-chan struct{}, failure *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline, limited := ctx.Deadline()
	switch {
	case s.stopped:
		return nil, s.reason()
	case s.failure != nil && !s.fetching && limited && s.next.After(deadline):
		return nil, s.failure
	}
	return s.changed, nil
}

// reason is the failure, or what to say without one. Hold the lock.
func (s *Source) reason() *Error {
	switch {
	case s.failure != nil:
		return s.failure
	case s.stopped:
		return newError("credential no longer kept")
	}
	return newError("credential not there yet")
}

func (s *Source) overdue(ctx context.Context) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Error{text: s.reason().text, ended: ctx.Err()}
}

// keyHeader makes a header of a key, which often ends in a line feed where a person has stored it.
func keyHeader(key string) (Header, *Error) {
	key = strings.TrimSpace(key)
	if key == "" {
		return Header{}, newError("key is empty")
	}
	if !sendable(key) {
		return Header{}, newError("key has characters that no header may have")
	}
	return Header{keyHeaderName, key}, nil
}

// sendable reports whether a header may have this value. HTTP allows more than ASCII, but no credential has more.
func sendable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
