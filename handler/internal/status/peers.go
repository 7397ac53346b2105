package status

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// reportLive is for how long after it was written a row counts; its recent figures count for recentLive.
	reportLive = 5 * time.Minute
	recentLive = time.Minute
	// reportKept is when a row is swept. Instances come and go, and each has a row of its own.
	reportKept = time.Hour
	sweepEvery = 10 * time.Minute
	maxSwept   = 100

	// maxReports bounds how many instances are merged, maxListed how many of them are named.
	maxReports = 200
	maxListed  = 50

	// readEvery is how often at most the rows are read, however many look.
	readEvery = 5 * time.Second
	// callTimeout is for a call of storage that nobody waits for, lookTimeout for one that somebody does.
	callTimeout = 5 * time.Second
	lookTimeout = 2 * time.Second
)

// Report is one instance's row as it was read.
type Report struct {
	Instance string
	Age      time.Duration // by the storage service's clock
	Text     []byte
}

// Reports holds the row of every instance. Its calls must end when ctx does; several may be made at once.
type Reports interface {
	// SetReport writes an instance's row, which no other instance writes.
	SetReport(ctx context.Context, instance string, text []byte) error
	// Reports reads rows that were written within a time, most of them at the most.
	Reports(ctx context.Context, within time.Duration, most int) ([]Report, error)
	// SweepReports deletes rows that were written longer ago, most of them at the most.
	SweepReports(ctx context.Context, longerAgo time.Duration, most int) error
}

// Peers tells the other instances what this one counts, and reads what they tell. It is safe for concurrent use.
type Peers struct {
	reports  Reports
	meter    *Meter
	instance string
	backends []string // names
	started  time.Time
	swept    time.Time // only Run uses it

	mu     sync.Mutex
	asked  time.Time // when rows were asked for last; zero: never
	read   time.Time // when they came
	failed bool      // the last reading
	others []member
}

// member is another instance as its row tells.
type member struct {
	id      string
	written time.Time // by this instance's clock
	report  report
}

// NewPeers makes the part of the instance with this id, which must be its own.
func NewPeers(r Reports, m *Meter, instance string, backends []string) *Peers {
	return &Peers{reports: r, meter: m, instance: instance, backends: backends, started: time.Now()}
}

// Run writes this instance's row, first after about a second with traffic and then after each step of the window while
// there is anything in it, until ctx ends. Nobody waits for it. A row that cannot be written is written the next time.
func (p *Peers) Run(ctx context.Context) {
	// The steps of all instances end at the same time; their rows need not come at once.
	offset := rand.N(stepSeconds * time.Second)
	for tried := false; ; {
		wait := untilStep(time.Now().Add(-offset))
		if !tried {
			wait = time.Second/2 + rand.N(time.Second)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			tried = p.tell(ctx) || tried
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// tell writes the row if there is anything to tell, which it reports.
func (p *Peers) tell(ctx context.Context) bool {
	s := p.meter.snapshot()
	if !s.lives() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	text, err := encodeReport(s, p.backends, p.started)
	if err != nil || p.reports.SetReport(ctx, p.instance, text) != nil {
		return true
	}
	if time.Since(p.swept) >= sweepEvery {
		p.swept = time.Now().Add(rand.N(sweepEvery))
		_ = p.reports.SweepReports(ctx, reportKept, maxSwept) // what is left is for the next time
	}
	return true
}

// look gives the other instances as they were told of in the last seconds, and when that was read; zero: never.
func (p *Peers) look(ctx context.Context) (others []member, read time.Time, failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) >= readEvery {
		// Others look, too: a viewer who leaves must not fail it for them.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
		defer cancel()
		reports, err := p.reports.Reports(ctx, reportLive, maxReports)
		p.asked, p.failed = time.Now(), err != nil
		if err == nil {
			p.read, p.others = p.asked, p.members(reports)
		}
	}
	return p.others, p.read, p.failed
}

func (p *Peers) members(reports []Report) []member {
	var members []member
	for _, r := range reports {
		if r.Instance == p.instance {
			continue
		}
		if report, ok := decodeReport(r.Text); ok {
			members = append(members, member{r.Instance, time.Now().Add(-r.Age), report})
		}
	}
	return members
}

// late is by how many steps the member's window ended before now; all of them where its figures are no longer recent.
func (m *member) late(now time.Time) int {
	age := now.Sub(m.written)
	if age > recentLive {
		return steps
	}
	const step = stepSeconds * time.Second
	return int(now.Truncate(step).Sub(m.written.Truncate(step)) / step)
}
