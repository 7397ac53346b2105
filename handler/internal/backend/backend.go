// Package backend knows the Azure OpenAI resources and which of them may be tried now.
package backend

import (
	"net/url"

	"aoai-balancer/handler/internal/credential"
)

// Backend is one Azure OpenAI resource. It is immutable.
type Backend struct {
	Name        string
	Endpoint    *url.URL // scheme and host only
	Credential  *credential.Source
	Entra       bool // the credential is a token, whose role may lack an operation
	Priority    int
	Weight      int
	Deployments map[string]string // caller's name → this backend's; nil: every deployment under its own name
}

// Deployment is this backend's name for the deployment that a caller names.
func (b *Backend) Deployment(caller string) string {
	if own, ok := b.Deployments[caller]; ok {
		return own
	}
	return caller
}

// Set is the backends in the order of configuration; bit i of a bit set means the i-th. It is immutable.
type Set struct {
	Backends []*Backend
	every    uint64
	unmapped uint64            // those that serve every deployment
	mapped   map[string]uint64 // those whose map names the deployment
}

// NewSet makes a set of at most 64 backends.
func NewSet(backends []*Backend) *Set {
	s := &Set{Backends: backends, mapped: map[string]uint64{}}
	for i, b := range backends {
		bit := uint64(1) << i
		s.every |= bit
		if len(b.Deployments) == 0 {
			s.unmapped |= bit
		}
		for name := range b.Deployments {
			s.mapped[name] |= bit
		}
	}
	return s
}

// Serving is the bit set of the backends that have the deployment as far as configuration tells: a backend with a
// deployments map has just those that the map names.
func (s *Set) Serving(deployment string) uint64 { return s.unmapped | s.mapped[deployment] }

// Every is the bit set of all backends.
func (s *Set) Every() uint64 { return s.every }

// Named finds a backend by its name.
func (s *Set) Named(name string) (i int, ok bool) {
	for i, b := range s.Backends {
		if b.Name == name {
			return i, true
		}
	}
	return 0, false
}
