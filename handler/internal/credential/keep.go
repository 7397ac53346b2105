package credential

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	fetchTimeout  = 15 * time.Second // a developer's command-line sign-in takes several
	firstRetry    = time.Second
	longestRetry  = 30 * time.Second
	renewInterval = 30 * time.Second
)

// Start begins to fetch the value and keeps it fresh until ctx ends. It does not wait, so that many sources start side by
// side; a second call does nothing. A failed fetch is tried again after about a second, growing to 30 s, for as long as
// it takes; until a fetch succeeds the value at hand stays, a token until it expires.
func (s *Source) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.fetch == nil {
		return
	}
	s.started = true
	s.options.Go(func() { s.keep(ctx) })
}

// keep is the source's one goroutine. All fetches are made here, so there is never more than one.
func (s *Source) keep(ctx context.Context) {
	defer s.stop()
	defer func() { // a source that stops is better than a process that does
		if recover() != nil {
			s.tell("credential_failed", newError("credential no longer kept"))
		}
	}()
	for ctx.Err() == nil {
		s.begin()
		v, failure := s.tryFetch(ctx)
		if ctx.Err() != nil {
			return
		}
		event, due := s.finish(v, failure)
		s.tell(event, failure)
		s.pause(ctx, due)
	}
}

func (s *Source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.fetching = true, false
	s.announce()
}

// announce wakes everyone who waits for the end of a fetch. Hold the lock.
func (s *Source) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Source) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
	s.fetching = true
}

// tryFetch makes one fetch. A library that panics must not end the process: azsecrets does on a challenge whose
// authorization is no full URL.
func (s *Source) tryFetch(ctx context.Context) (v value, failure *Error) {
	defer func() {
		if recover() != nil {
			failure = newError("credential library failed")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	v, err := s.fetch(ctx)
	if err != nil {
		return value{}, publicError(err)
	}
	v.fetched = time.Now()
	return v, nil
}

// finish keeps the result of a fetch. It gives what to tell, "" for nothing, and when the next fetch is due.
func (s *Source) finish(v value, failure *Error) (event string, due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if failure != nil {
		event, due = s.failed(failure)
	} else {
		event, due = s.succeeded(v)
	}
	s.ended++
	s.fetching = false
	s.next = time.Now().Add(due)
	s.announce()
	return event, due
}

func (s *Source) failed(failure *Error) (event string, due time.Duration) {
	s.failures++
	s.failure = failure
	if s.told != failure.text {
		event, s.told = "credential_failed", failure.text
	}
	return event, retryAfter(s.failures)
}

func (s *Source) succeeded(v value) (event string, due time.Duration) {
	old := s.current.Swap(&v)
	switch {
	case old == nil || s.told != "":
		event = "credential_ready"
	case old.header != v.header && v.expires.IsZero(): // a token's change is its nature
		event = "credential_changed"
	}
	s.failures, s.failure, s.told = 0, nil, ""
	return event, max(time.Until(v.refresh), soonest(v))
}

// soonest keeps a token that was due for renewal when it came from being asked for without pause.
func soonest(v value) time.Duration {
	if v.expires.IsZero() {
		return firstRetry
	}
	return min(max(time.Until(v.expires)/2, firstRetry), longestRetry)
}

func (s *Source) tell(event string, failure *Error) {
	defer func() { _ = recover() }()
	switch {
	case event == "":
	case failure == nil:
		s.options.Log(event, nil)
	default:
		s.options.Log(event, failure)
	}
}

func (s *Source) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-ctx.Done():
	}
}

// retryAfter is the wait after so many failures in a row.
func retryAfter(failures int) time.Duration {
	wait := longestRetry
	if failures < 6 {
		wait = min(firstRetry<<(failures-1), longestRetry)
	}
	return min(jitter(wait), longestRetry)
}

// jitter is d give or take a fifth, so that a fleet that started together does not ask together.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5+1)
}

// Renew is for a credential that a backend has refused with 401 or 403. It has the value fetched anew, once for all who
// ask at the same time and at most once in 30 s, and waits for that, at most until ctx ends. It reports whether there
// is a good value now that is not the refused one, also where somebody else got that before.
//
// A secret is read from the vault again. An Entra token mostly comes back as it was, since the identity library keeps
// tokens until shortly before they expire; a refusal of one is about the identity's role as a rule.
func (s *Source) Renew(ctx context.Context, refused Header) (changed bool) {
	number := s.askAnew(refused)
	for {
		again, done := s.renewedBy(number)
		if v := s.current.Load(); v.good() && v.header != refused {
			return true
		}
		if done {
			return false
		}
		select {
		case <-again:
		case <-ctx.Done():
			return false
		}
	}
}

// askAnew makes a fetch due where the value is the refused one. It gives the number of the fetch to wait for, 0 for none.
func (s *Source) askAnew(refused Header) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.current.Load(); v.good() && v.header != refused {
		return 0
	}
	if !s.started || s.stopped {
		return 0
	}
	if time.Since(s.renewed) < renewInterval { // which no fetch outlasts
		return s.renewal
	}
	s.renewal, s.renewed = s.begun+1, time.Now() // a fetch under way may have read the old value
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return s.renewal
}

func (s *Source) renewedBy(number int) (again <-chan struct{}, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.ended >= number || s.stopped
}

// State is what may be shown of a source.
type State struct {
	Kind     string        // "literal", "secret" or "entra"
	Ready    bool          // there is a value, and it has not expired
	Age      time.Duration // since the value was fetched; 0 without one
	Expires  time.Time     // of the value; zero where it does not, or is not known to
	Failures int           // fetches that failed since the last that did not
	Error    string        // the last failure, as [Error] has it; "" after a success
}

// State gives the source's state now.
func (s *Source) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := State{Kind: s.kind, Failures: s.failures}
	if v := s.current.Load(); v != nil {
		state.Ready, state.Age, state.Expires = v.good(), time.Since(v.fetched), v.expires
	}
	if s.failure != nil {
		state.Error = s.failure.text
	}
	return state
}
