package simulator

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// VaultStep is what a [Vault] does with one or more requests. A step that sets nothing answers as ever.
type VaultStep struct {
	Status     int           // answered instead of the secret or the token; 0: the true answer
	Code       string        // of the error in the body; "" for the one that Key Vault has with this status
	InnerCode  string        // why: with 403 "ForbiddenByRbac" unless given
	RetryAfter time.Duration // in the header, in whole seconds
	Location   string        // in the header, with a Status that redirects
	Body       string        // answered as it is, with Status or 200
	Delay      time.Duration // before the answer
	Hang       bool          // no answer at all
	Drop       bool          // the connection is cut instead
	Times      int           // how many requests it is for; 0 is one, a negative number all that follow
}

// vaultScript is the steps not used up. The vault's lock guards it.
type vaultScript []VaultStep

func (s *vaultScript) next() (step VaultStep) {
	if len(*s) == 0 {
		return VaultStep{}
	}
	step = (*s)[0]
	switch {
	case step.Times < 0:
	case step.Times > 1:
		(*s)[0].Times--
	default:
		*s = (*s)[1:]
	}
	return step
}

// Script sets what the coming requests for a secret meet, in this order; then all is well again. It replaces what is left
// of an earlier script, so without steps it ends one. With the name "" it is for every secret that has none of its own.
// Only requests with a good token count, since a vault challenges before all else.
func (v *Vault) Script(name string, steps ...VaultStep) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if name == "" {
		v.everySecret = steps
		return
	}
	v.secretNamed(name).script = steps
}

// ScriptIdentity is [Vault.Script] for requests of tokens.
func (v *Vault) ScriptIdentity(steps ...VaultStep) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.everyToken = steps
}

// SetChallenge replaces the WWW-Authenticate header of answers 401; "" brings the right one back.
func (v *Vault) SetChallenge(header string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.challenge = header
}

// play does what a step says. It reports whether the request is dealt with.
func (v *Vault) play(w http.ResponseWriter, r *http.Request, step VaultStep) (done bool) {
	if step.Hang {
		step.Delay = vaultDay
	}
	if step.Drop || !v.pause(r, step.Delay) || step.Hang {
		panic(http.ErrAbortHandler) // net/http's own way to cut a connection: a mere return would be an empty 200
	}
	if step.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(step.RetryAfter.Seconds())))
	}
	if step.Location != "" {
		w.Header().Set("Location", step.Location)
	}
	switch {
	case step.Body != "":
		vaultWrite(w, max(step.Status, http.StatusOK), step.Body)
	case step.Status != 0:
		vaultRefuse(w, step.Status, step.code(), "The step of a script.", step.inner())
	default:
		return false
	}
	return true
}

func (s VaultStep) code() string {
	if s.Code != "" {
		return s.Code
	}
	switch s.Status {
	case http.StatusTooManyRequests:
		return "Throttled"
	case http.StatusInternalServerError:
		return "InternalServerError"
	}
	return strings.ReplaceAll(http.StatusText(s.Status), " ", "")
}

func (s VaultStep) inner() string {
	if s.InnerCode == "" && s.Status == http.StatusForbidden {
		return "ForbiddenByRbac"
	}
	return s.InnerCode
}

// pause waits, and reports whether caller and vault are still there.
func (v *Vault) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
	case <-v.closed:
	}
	return false
}
