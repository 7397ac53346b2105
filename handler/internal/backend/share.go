package backend

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// worthSharing is the shortest wait that other instances are told of: they learn of it seconds later.
	worthSharing = time.Second
	// maxName is the longest name Azure gives a deployment.
	maxName = 64
)

// Share makes h tell how long backends ask to be left alone, as soon as one does, and remember which deployments are in
// use. It is to be called before h is used. asked is called by requests, at several at once, and must not block; until
// is on this machine's clock.
func (h *Health) Share(asked func(i int, deployment string, until time.Time, cause Cause)) {
	h.asked, h.used = asked, map[string]struct{}{}
}

// tell passes on what a backend asked for itself. What this instance decided or saw alone stays here: its own trouble
// with names or the network must not cool the fleet.
func (a *Attempt) tell(wait time.Duration, until time.Time, cause Cause) {
	h := a.health
	if h.asked != nil && min(wait, h.maxCooldown) >= worthSharing {
		h.asked(a.backend, a.deployment, until, cause)
	}
}

// use remembers that a deployment is in use. h.mu is held.
func (h *Health) use(deployment string) {
	h.lastUsed = deployment
	if _, ok := h.used[deployment]; ok || len(h.used) >= maxRows || len(deployment) > maxName {
		return
	}
	h.used[strings.Clone(deployment)] = struct{}{} // the name may be a part of a long path, which a copy lets go of
}

// Used lists the deployments, at most 1,000, that attempts were made for since it was last called. Only a Health that is
// shared remembers them.
func (h *Health) Used() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := slices.Collect(maps.Keys(h.used))
	clear(h.used)
	h.lastUsed = ""
	return names
}

// Cool applies what another instance was told: the deployment on backend i is skipped until then, but for no longer than
// the longest cooldown from now. It extends a cooldown, never shortens one, and says nothing about the breaker.
func (h *Health) Cool(i int, deployment string, until time.Time, cause Cause) {
	now := time.Now()
	if longest := now.Add(h.maxCooldown); until.After(longest) {
		until = longest
	}
	if !until.After(now) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.row(deployment, now)[i].cool(until, cause)
}
