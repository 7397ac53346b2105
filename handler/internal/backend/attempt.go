package backend

import "time"

// Attempt is one try of one request at one backend, as health sees it. It is not safe for concurrent use.
type Attempt struct {
	health      *Health
	backend     int
	deployment  string
	began       time.Time
	probesWhole time.Time // names of the probes that it is; zero: none
	probesRow   time.Time
	over        bool
}

// end runs what an outcome does and gives the probes back. Only the first outcome of an attempt counts, which it reports.
func (a *Attempt) end(outcome func(now time.Time)) (counted bool) {
	if a.over {
		return false
	}
	a.over = true
	h := a.health
	h.mu.Lock()
	defer h.mu.Unlock()
	outcome(time.Now())
	h.whole[a.backend].giveBack(a.probesWhole)
	if row := h.rows[a.deployment]; row != nil {
		row[a.backend].giveBack(a.probesRow)
	}
	return true
}

// Ignored ends an attempt that says nothing about the backend's health.
func (a *Attempt) Ignored() { a.end(func(time.Time) {}) }

// Succeeded clears failure streaks, never an existing cooldown.
func (a *Attempt) Succeeded() {
	a.end(func(time.Time) {
		a.health.whole[a.backend].succeed(a.probesWhole)
		if row := a.health.rows[a.deployment]; row != nil {
			row[a.backend].succeed(a.probesRow)
		}
	})
}

// Throttled cools the deployment on this backend for as long as the backend asked; wait 0 means that it gave no hint.
// Like every outcome that may keep the backend out, it returns for how long that is from now; 0 where it is not, or
// already was for as long.
func (a *Attempt) Throttled(wait time.Duration) (cooldown time.Duration) {
	asked := wait
	if wait <= 0 {
		asked = a.health.defaultCooldown
	}
	until := time.Now().Add(min(asked, a.health.maxCooldown))
	cooldown, counted := a.answered(func(c *cell, _ time.Time) { c.cool(until, Throttled) })
	if counted {
		a.tell(wait, until, Throttled)
	}
	return cooldown
}

// Failed counts a failure of the deployment on this backend; a wait that the backend asked for cools it at once.
func (a *Attempt) Failed(wait time.Duration) (cooldown time.Duration) {
	until := time.Now().Add(min(wait, a.health.maxCooldown))
	cooldown, counted := a.answered(func(c *cell, now time.Time) {
		c.fail(a.began, now, a.probesRow)
		if wait > 0 {
			c.cool(until, Failed)
		}
	})
	if counted {
		a.tell(wait, until, Failed)
	}
	return cooldown
}

// Unreachable counts a failure of the whole backend.
func (a *Attempt) Unreachable() (cooldown time.Duration) {
	return a.unanswered(func(c *cell, now time.Time) { c.fail(a.began, now, a.probesWhole) })
}

// Unauthorized cools the whole backend: it refuses our credential.
func (a *Attempt) Unauthorized() (cooldown time.Duration) {
	return a.unanswered(func(c *cell, now time.Time) { c.cool(now.Add(unauthorizedFor), Unauthorized) })
}

// Missing cools a deployment that this backend does not have.
func (a *Attempt) Missing() (cooldown time.Duration) {
	cooldown, _ = a.answered(func(c *cell, now time.Time) { c.cool(now.Add(missingFor), Missing) })
	return cooldown
}

// unanswered ends an attempt that says something about the whole backend.
func (a *Attempt) unanswered(outcome func(c *cell, now time.Time)) (cooldown time.Duration) {
	a.end(func(now time.Time) { cooldown = a.health.whole[a.backend].suffer(outcome, now) })
	return cooldown
}

// answered ends an attempt that reached the backend but not what it wanted there: the deployment's cell takes the
// outcome, and the backend as a whole is known to be reachable. A name that no deployment can have is not remembered.
func (a *Attempt) answered(outcome func(c *cell, now time.Time)) (cooldown time.Duration, counted bool) {
	counted = a.end(func(now time.Time) {
		a.health.whole[a.backend].succeed(a.probesWhole)
		if len(a.deployment) <= maxName {
			cooldown = a.health.row(a.deployment, now)[a.backend].suffer(outcome, now)
		}
	})
	return cooldown, counted
}
