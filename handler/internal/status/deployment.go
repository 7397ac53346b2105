package status

import (
	"math/bits"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// deployment describes one deployment at each backend that may serve it.
func (s *Status) deployment(name string, sums *deploymentSums, now time.Time) Deployment {
	d := Deployment{
		Name: name, Answers: answersOf(sums.answers.total), Recent: answersOf(sums.answers.recent), Backends: []DeploymentAtBackend{},
	}
	serving := s.Backends.Every()
	if name != "*" && name != others {
		serving = s.Backends.Serving(name)
	}
	answers := uint64(0)
	for i := range sums.at {
		answers += sums.at[i].recent[served]
	}
	blocks := s.Health.Blocks(name)
	series := s.Meter.known(name)
	for m := serving; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		at := s.atBackend(&sums.at[i], answers)
		at.Name, at.IntendedShare = s.Backends.Backends[i].Name, s.intended(serving, i)
		at.state(blocks[i], s.Backends.Backends[i].Weight, now)
		if series != nil {
			at.Headroom = series.at[i].headroom.document(now)
		}
		d.Backends = append(d.Backends, at)
	}
	return d
}

func (s *Status) atBackend(sum *sum, answers uint64) DeploymentAtBackend {
	at := DeploymentAtBackend{Total: figures(sum.total), Recent: recent(sum)}
	if answers > 0 {
		share := float64(sum.recent[served]) / float64(answers)
		at.Share = &share
	}
	if sum.recent != (counts{}) {
		at.History = &History{make([]uint32, steps), make([]uint32, steps), make([]uint32, steps)}
		for i, h := range sum.history {
			at.History.Served[i], at.History.Throttled[i], at.History.Failed[i] = h.served, h.throttled, h.failed
		}
	}
	return at
}

// state tells what keeps calls from the backend.
func (d *DeploymentAtBackend) state(block backend.Block, weight int, now time.Time) {
	switch {
	case block.Probing:
		d.State = "probing"
	case block.Breaker:
		d.State = "broken"
	case block.Cause != backend.None:
		d.State = "cooling"
	case weight == 0:
		d.State = "drained"
	default:
		d.State = "ready"
	}
	if block.Cause != backend.None {
		d.Cause, d.RemainingMS = block.Cause.String(), max(block.Until.Sub(now).Milliseconds(), 1)
	}
}

// intended is the share that backend i has by its weight in the first tier of those that serve.
func (s *Status) intended(serving uint64, i int) float64 {
	first, sum := 0, 0
	for m := serving; m != 0; m &= m - 1 {
		b := s.Backends.Backends[bits.TrailingZeros64(m)]
		switch {
		case b.Weight == 0 || (first != 0 && b.Priority > first):
		case b.Priority == first:
			sum += b.Weight
		default:
			first, sum = b.Priority, b.Weight
		}
	}
	if b := s.Backends.Backends[i]; b.Priority == first && sum > 0 {
		return float64(b.Weight) / float64(sum)
	}
	return 0
}

func answersOf(c counts) Answers {
	return Answers{
		OK: c[answersOK], Rejected: c[answersRejected], Throttled: c[answersThrottled], Failed: c[answersFailed],
		Left: c[answersLeft], Failovers: c[failovers],
	}
}

func figures(c counts) Figures {
	return Figures{
		Attempts: c[attempts], Served: c[served], Throttled: c[throttled], Failed: c[failed], Refused: c[refused],
		Missing: c[missing], MovedOn: c[movedOn], InputTokens: c[inputTokens], OutputTokens: c[outputTokens],
	}
}

func recent(s *sum) Figures {
	f := figures(s.recent)
	f.FirstByte = s.latency.latency()
	return f
}
