package proxy

import (
	"context"
	"errors"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// class is how a backend's failure weighs once every backend has failed, the weightiest first.
type class int

const (
	untried class = iota
	throttle
	failure // and any status that RETRY_STATUS alone sends on
	refusal
	keyless
	absent
	elsewhere // only where the request's encrypted content was made can it be read
	classes   // how many there are
)

// result is what a call met at one backend.
type result struct {
	class class
	again time.Time // not to be tried again before, where no cooldown says it
}

// met notes what the call met at backend i.
func (c *call) met(i int, r result) {
	if c.results == nil {
		c.results = map[int]result{}
	}
	c.results[i] = r
}

// RoundTrip tries the backends in the order of the call's turn until one answers for good. It implements
// http.RoundTripper for ReverseProxy; its errors have a public face.
func (p *Proxy) RoundTrip(req *http.Request) (*http.Response, error) {
	c := callOf(req.Context())
	for {
		if req.Context().Err() != nil {
			return nil, errCallerLeft
		}
		i, attempt, ok := p.next(c)
		if !ok {
			if p.wait(req.Context(), c) {
				continue
			}
			return p.exhausted(c)
		}
		if !time.Now().Before(c.deadline) {
			attempt.Ignored()
			return nil, timedOut()
		}
		if resp, err := p.try(req, c, i, attempt); !errors.Is(err, errNext) {
			return resp, err
		}
	}
}

// next picks the backend for the next attempt: ready, and not tried in this round.
func (p *Proxy) next(c *call) (int, *backend.Attempt, bool) {
	if c.waited && len(c.record.Attempts) > p.MaxRetries {
		return 0, nil, false
	}
	candidates := c.eligible &^ c.tried & p.Health.Ready(c.target.Deployment)
	for candidates != 0 {
		i, ok := p.pick(c, candidates)
		if !ok {
			break
		}
		if attempt, ok := p.Health.Begin(i, c.target.Deployment); ok {
			c.tried |= 1 << i
			return i, attempt, true
		}
		candidates &^= 1 << i
	}
	return 0, nil, false
}

func (p *Proxy) pick(c *call, candidates uint64) (int, bool) {
	if c.pinned {
		return bits.TrailingZeros64(candidates), true
	}
	if key := c.sticky(); key != "" {
		return p.Rotation.Prefer(key, candidates)
	}
	return p.Rotation.Pick(c.turn.N, candidates)
}

// wait holds a call back until a backend may be tried again, once, where that is soon and few others wait.
func (p *Proxy) wait(ctx context.Context, c *call) bool {
	end := p.survey(c)
	hopeless := c.eligible == 0 || end.worst == absent || end.worst == refusal
	if c.waited || hopeless || len(c.record.Attempts) > p.MaxRetries {
		return false
	}
	pause := time.Until(end.soonest)
	wait := spread(pause)
	if p.RetryInterval == 0 || pause > p.RetryInterval || time.Now().Add(wait).After(c.deadline) {
		return false
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	c.waited, c.tried = true, 0
	return true
}

// spread adds chance to a wait, so that those who wait for the same moment do not come back at the same moment.
func spread(wait time.Duration) time.Duration {
	wait = max(wait, 0)
	return wait + rand.N(max(250*time.Millisecond, wait/10))
}

// ending sums up what stands in the way of a call at every backend that could serve it.
type ending struct {
	worst   class     // the weightiest
	soonest time.Time // when the first may be tried again
}

func (p *Proxy) survey(c *call) ending {
	var end ending
	blocks := p.Health.Blocks(c.target.Deployment)
	for i, block := range blocks {
		if c.eligible&(1<<i) == 0 {
			continue
		}
		r := c.results[i]
		if r.class == untried {
			r.class = classOf(block.Cause)
		}
		if block.Cause != backend.None {
			r.again = block.Until
		}
		if end.worst == untried || r.class < end.worst {
			end.worst = r.class
		}
		if end.soonest.IsZero() || r.again.Before(end.soonest) {
			end.soonest = r.again
		}
	}
	return end
}

func classOf(cause backend.Cause) class {
	switch cause {
	case backend.Throttled:
		return throttle
	case backend.Unauthorized:
		return refusal
	case backend.Missing:
		return absent
	default:
		return failure
	}
}

// exhausted answers a call that no backend could serve. A backend that was skipped counts with the cause of its
// cooldown.
func (p *Proxy) exhausted(c *call) (*http.Response, error) {
	end := p.survey(c)
	pause := time.Until(end.soonest)
	advertised := spread(pause)
	deployment := c.target.Deployment
	switch {
	case end.worst == throttle:
		return nil, throttled(deployment, advertised)
	case end.worst == failure && c.kept[failure] != nil:
		return c.kept[failure].response(c), nil
	case end.worst == failure:
		return nil, unavailable(deployment, advertised)
	case end.worst == refusal:
		return nil, unauthorized()
	case end.worst == keyless:
		return nil, noCredential(advertised)
	case c.kept[elsewhere] != nil:
		return c.kept[elsewhere].response(c), nil
	case c.kept[absent] != nil:
		return c.kept[absent].response(c), nil
	}
	return nil, noBackend(deployment)
}
