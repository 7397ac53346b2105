package status

import (
	"cmp"
	"slices"
)

// snapshot is what meters counted, of one instance or of many.
type snapshot struct {
	answers     sum
	backends    []sum // over all deployments
	deployments map[string]*deploymentSums
}

// deploymentSums is one deployment's part of a snapshot.
type deploymentSums struct {
	answers sum
	at      []sum // by backend
}

func (s *deploymentSums) plus(other *deploymentSums, late int) {
	s.answers.plus(&other.answers, late)
	for i := range s.at {
		s.at[i].plus(&other.at[i], late)
	}
}

// snapshot adds up what was counted until now.
func (m *Meter) snapshot() *snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.all.sums()
	s := &snapshot{answers: all.answers, backends: all.at, deployments: map[string]*deploymentSums{}}
	for name, named := range *m.named.Load() {
		s.deployments[name] = named.sums()
	}
	if rest := m.others.sums(); rest.answers.total != (counts{}) {
		s.deployments[others] = rest
	}
	return s
}

func (s *series) sums() *deploymentSums {
	sums := &deploymentSums{answers: s.answers.sum(), at: make([]sum, len(s.at))}
	for i := range s.at {
		sums.at[i] = s.at[i].sum()
	}
	return sums
}

func (c *cell) sum() sum { return c.window.sum(&c.tally) }

// plus merges another instance's snapshot. late is by how many steps its window ended earlier.
func (s *snapshot) plus(other *snapshot, late int) {
	s.answers.plus(&other.answers, late)
	for i := range s.backends {
		s.backends[i].plus(&other.backends[i], late)
	}
	for name, theirs := range other.deployments {
		if ours := s.deployments[name]; ours != nil {
			ours.plus(theirs, late)
			continue
		}
		added := &deploymentSums{at: make([]sum, len(theirs.at))}
		added.plus(theirs, late)
		s.deployments[name] = added
	}
}

// busiest lists the deployments by what they answered of late, then in all, then by name.
func (s *snapshot) busiest() []string {
	names := make([]string, 0, len(s.deployments))
	for name := range s.deployments {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := s.deployments[a], s.deployments[b]
		return cmp.Or(
			cmp.Compare(calls(y.answers.recent), calls(x.answers.recent)),
			cmp.Compare(calls(y.answers.total), calls(x.answers.total)),
			cmp.Compare(a, b))
	})
	return names
}

// calls is how many calls these answers are.
func calls(c counts) uint64 {
	return c[answersOK] + c[answersRejected] + c[answersThrottled] + c[answersFailed] + c[answersLeft]
}

// lives reports whether anything happened in the window.
func (s *snapshot) lives() bool { return s.answers.recent != (counts{}) }
