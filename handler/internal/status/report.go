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
	r := report{Started: started.UTC(), Answers: shorten(&s.answers), Backends: shortenAll(s.backends, backends)}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	size := len(text)
	names := s.busiest()
	for _, name := range names[:min(len(names), maxReported)] {
		d := s.deployments[name]
		reported := reportedDeployment{name, shorten(&d.answers), shortenAll(d.at, backends)}
		text, err := json.Marshal(reported)
		if err != nil {
			return nil, err
		}
		if size += len(text) + len(`,"deployments":[]`); size > maxReport {
			break
		}
		r.Deployments = append(r.Deployments, reported)
	}
	return json.Marshal(r)
}

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

// decodeReport reads another instance's row. Backends that this instance does not have are left out; what makes no sense
// counts as nothing.
func decodeReport(text []byte, backends map[string]int) (s *snapshot, started time.Time, ok bool) {
	var r report
	if len(text) > maxReport || json.Unmarshal(text, &r) != nil {
		return nil, time.Time{}, false
	}
	s = &snapshot{answers: r.Answers.sum(), backends: sumsOf(r.Backends, backends), deployments: map[string]*deploymentSums{}}
	for _, d := range r.Deployments[:min(len(r.Deployments), maxReported)] {
		s.deployments[d.Name] = &deploymentSums{answers: d.Answers.sum(), at: sumsOf(d.Backends, backends)}
	}
	return s, r.Started, true
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
