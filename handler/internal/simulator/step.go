package simulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// Step is what the next calls meet instead of normal service. A step that
// gives no answer of its own (no Status from 300 on, Body, Events, Hang or
// Reset) is normal service with the step's delays, headers and faults.
//
// A step comes before everything else: it also answers a call whose key is
// wrong or whose deployment does not exist, and does not count against limits.
type Step struct {
	Times      int               // how many calls meet this step; 0 = 1; below 0 = for ever (until Forget)
	Deployment string            // only calls for this deployment
	Status     int               // answer this status …
	Header     map[string]string // … these headers (a 429 has a Retry-After only if it is here) …
	Body       string            // … and this body; "" = Azure's own body for that status, see ErrorBody
	Delay      time.Duration     // before the answer's headers; overrides Options.FirstDelay
	Early      bool              // answer before the request's body is read, then close; the record has no body
	Hang       bool              // read the request, never answer, until the caller leaves
	Reset      bool              // TCP reset before headers; with CutAfter: the cut is a reset
	CutAfter   int               // stream: this many events, then the connection breaks; below 0: right after the headers
	Stall      int               // stream: this many events, then silence; below 0: right after the headers
	EventDelay time.Duration     // overrides Options.TokenDelay
	Events     []string          // a stream of exactly these events: the raw text of each, without the blank line
}

// A plain answer has no events: CutAfter and Stall apply to it after its
// headers and half of its body.
func (s *Step) disturbs() bool { return s.CutAfter != 0 || s.Stall != 0 }

// answers says whether the step itself is the answer.
func (s *Step) answers() bool {
	return s.Status >= 300 || s.Status == http.StatusNoContent || s.Body != ""
}

// script is the queue of steps that calls have yet to meet.
type script struct {
	mu    sync.Mutex
	steps []Step
}

func (s *script) add(steps []Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, step := range steps {
		if step.Times == 0 {
			step.Times = 1
		}
		s.steps = append(s.steps, step)
	}
}

func (s *script) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = nil
}

// take uses up one meeting with the first step for the deployment. Where only
// an early answer will do, a first step that is not early stays.
func (s *script) take(deployment string, early bool) (Step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.steps, func(step Step) bool {
		return step.Deployment == "" || step.Deployment == deployment
	})
	if i < 0 || early && !s.steps[i].Early {
		return Step{}, false
	}
	step := s.steps[i]
	if s.steps[i].Times--; s.steps[i].Times == 0 {
		s.steps = slices.Delete(s.steps, i, i+1)
	}
	return step, true
}
