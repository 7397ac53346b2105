package status

import (
	"encoding/json"
	"time"
)

const (
	// maxReport bounds an instance's row. A property of a row holds 32 Ki characters.
	maxReport = 30 << 10
	// maxReported is how many deployments an instance reports, the busiest ones.
	maxReported = 20
)

// report is a snapshot as an instance's row holds it: short names, and nothing where there is nothing.
type report struct {
	Started     time.Time            `json:"started"`
	Answers     reportSum            `json:"answers"`
	Backends    map[string]reportSum `json:"backends,omitempty"`
	Deployments []reportedDeployment `json:"deployments,omitempty"`
}

type reportedDeployment struct {
	Name     string               `json:"name"`
	Answers  reportSum            `json:"answers"`
	Backends map[string]reportSum `json:"backends,omitempty"`
}

// reportSum is a sum. Latency holds pairs of bucket and number, History triples of served, throttled and failed for each
// step that has any, after the step's number.
type reportSum struct {
	Total   []uint64    `json:"t,omitempty"`
	Recent  []uint64    `json:"r,omitempty"`
	Latency [][2]uint32 `json:"l,omitempty"`
	History [][4]uint32 `json:"h,omitempty"`
}

// encodeReport writes as many of the busiest deployments as fit.
func encodeReport(s *snapshot, backends []string, started time.Time) ([]byte, error) {
	r := report{Started: started.UTC(), Answers: shortenAnswers(&s.answers), Backends: shortenAll(s.backends, backends)}
	size, err := r.shrink()
	if err != nil {
		return nil, err
	}
	names := s.busiest()
	for _, name := range names[:min(len(names), maxReported)] {
		d := s.deployments[name]
		reported := reportedDeployment{name, shortenAnswers(&d.answers), shortenAll(d.at, backends)}
		text, err := json.Marshal(reported)
		if err != nil {
			return nil, err
		}
		if size+len(text)+1 > maxReport {
			continue // a smaller one may fit
		}
		size += len(text) + 1
		r.Deployments = append(r.Deployments, reported)
	}
	return json.Marshal(r)
}

// shrink leaves out what is missed least until half of the room is left for deployments, and gives the size.
func (r *report) shrink() (size int, err error) {
	const frame = len(`"deployments":[],`)
	for _, leave := range []func(*reportSum){
		func(*reportSum) {}, func(s *reportSum) { s.History = nil }, func(s *reportSum) { s.Latency = nil },
	} {
		for name, sum := range r.Backends {
			leave(&sum)
			r.Backends[name] = sum
		}
		text, err := json.Marshal(r)
		if err != nil {
			return 0, err
		}
		if size = len(text) + frame; size <= maxReport/2 {
			break
		}
	}
	return size, nil
}

// shortenAnswers: of answers nobody asks for more than the counts.
func shortenAnswers(s *sum) reportSum { return reportSum{Total: trim(s.total), Recent: trim(s.recent)} }

func shortenAll(sums []sum, names []string) map[string]reportSum {
	short := map[string]reportSum{}
	for i := range sums {
		if sums[i].total != (counts{}) {
			short[names[i]] = shorten(&sums[i])
		}
	}
	return short
}

func shorten(s *sum) reportSum {
	r := reportSum{Total: trim(s.total), Recent: trim(s.recent)}
	for i, n := range s.latency {
		if n > 0 {
			r.Latency = append(r.Latency, [2]uint32{uint32(i), n})
		}
	}
	for i, h := range s.history {
		if h.served+h.throttled+h.failed > 0 {
			r.History = append(r.History, [4]uint32{uint32(i), h.served, h.throttled, h.failed})
		}
	}
	return r
}

// trim leaves the zeroes at the end away.
func trim(c counts) []uint64 {
	last := len(c)
	for last > 0 && c[last-1] == 0 {
		last--
	}
	return c[:last]
}

// decodeReport reads another instance's row.
func decodeReport(text []byte) (r report, ok bool) {
	return r, len(text) <= maxReport && json.Unmarshal(text, &r) == nil
}

// snapshot spreads a report out, which takes much more room. Backends that this instance does not have are left out; what
// makes no sense counts as nothing.
func (r *report) snapshot(backends map[string]int) *snapshot {
	s := &snapshot{answers: r.Answers.sum(), backends: sumsOf(r.Backends, backends), deployments: map[string]*deploymentSums{}}
	for _, d := range r.Deployments[:min(len(r.Deployments), maxReported)] {
		s.deployments[d.Name] = &deploymentSums{answers: d.Answers.sum(), at: sumsOf(d.Backends, backends)}
	}
	return s
}

func sumsOf(reported map[string]reportSum, backends map[string]int) []sum {
	sums := make([]sum, len(backends))
	for name, r := range reported {
		if i, ok := backends[name]; ok {
			sums[i] = r.sum()
		}
	}
	return sums
}

func (r reportSum) sum() sum {
	var s sum
	copy(s.total[:], r.Total)
	copy(s.recent[:], r.Recent)
	for _, b := range r.Latency {
		if b[0] < buckets {
			s.latency[b[0]] += b[1]
		}
	}
	for _, h := range r.History {
		if h[0] < steps {
			at := &s.history[h[0]]
			at.served, at.throttled, at.failed = h[1], h[2], h[3]
		}
	}
	return s
}
