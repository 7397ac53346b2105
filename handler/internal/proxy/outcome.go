package proxy

import (
	"errors"
	"net/http"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/openai"
	"aoai-balancer/handler/internal/upstream"
)

// Codes in Azure's error envelope that change what an answer means.
const (
	codeDeploymentNotFound = "DeploymentNotFound"
	codePermissionDenied   = "PermissionDenied"
)

// outcome is one row of the outcome table: what becomes of the request, and of the backend.
type outcome struct {
	name   string // for the log
	next   bool   // the request moves on
	class  class  // how it weighs if nothing better comes
	again  bool   // the backend may be tried again at once
	err    error  // ends the request with an answer of our own
	health func(a *backend.Attempt, s *sent) (cooldown time.Duration)
}

func ignore(a *backend.Attempt, _ *sent) time.Duration  { a.Ignored(); return 0 }
func succeed(a *backend.Attempt, _ *sent) time.Duration { a.Succeeded(); return 0 }
func fail(a *backend.Attempt, _ *sent) time.Duration    { return a.Failed(0) }
func failFor(a *backend.Attempt, s *sent) time.Duration { return a.Failed(s.wait()) }
func cool(a *backend.Attempt, s *sent) time.Duration    { return a.Throttled(s.wait()) }
func lose(a *backend.Attempt, _ *sent) time.Duration    { return a.Unreachable() }
func deny(a *backend.Attempt, _ *sent) time.Duration    { return a.Unauthorized() }
func forget(a *backend.Attempt, _ *sent) time.Duration  { return a.Missing() }

// judge finds the row of the outcome table that an attempt belongs to.
func (p *Proxy) judge(req *http.Request, s *sent, b *backend.Backend) outcome {
	if s.err != nil {
		return judgeError(req, s)
	}
	o := judgeStatus(s, b.Entra)
	if o.class == absent && callOf(req.Context()).target.Deployment == openai.AnyDeployment {
		o.health = ignore // which deployment is missing is not known
	}
	if s.status() >= http.StatusBadRequest && o.class != absent && o.class != elsewhere {
		o.next = p.RetryStatus(s.status())
	}
	return o
}

func judgeError(req *http.Request, s *sent) outcome {
	failed := s.failed()
	switch {
	case req.Context().Err() != nil:
		return outcome{name: "caller_left", err: errCallerLeft, health: ignore}
	case s.endedBy(errRequestTimeout):
		return outcome{name: "timeout", err: timedOut(), health: fail}
	case s.endedBy(errAttemptTimeout):
		return outcome{name: "timeout", next: true, class: failure, health: fail}
	case errors.Is(s.err, upstream.ErrBody):
		return outcome{name: "unsendable", err: internal(s.err), health: ignore}
	case failed.Progress == upstream.NotSendable:
		return outcome{name: "unsendable", err: unsendable(s.err), health: ignore}
	case failed.Progress == upstream.NotConnected:
		return outcome{name: "unreachable", next: true, class: failure, health: lose}
	case failed.IsStale():
		return outcome{name: "stale_connection", next: true, class: failure, again: true, health: ignore}
	}
	return outcome{name: "reset", next: true, class: failure, health: fail}
}

// judgeStatus leaves open whether the request moves on, except where a deployment is missing or the content is another
// backend's: RETRY_STATUS says.
func judgeStatus(s *sent, entra bool) outcome {
	status := s.status()
	switch {
	case status < http.StatusBadRequest:
		return outcome{name: "ok", health: succeed}
	case status == http.StatusGone, status == http.StatusNotFound && s.code == codeDeploymentNotFound:
		return outcome{name: "deployment_missing", next: true, class: absent, health: forget}
	case status == http.StatusBadRequest && s.code == openai.CodeForeignContent:
		return outcome{name: "foreign_content", next: true, class: elsewhere, health: ignore}
	case status == http.StatusUnauthorized && entra && s.code == codePermissionDenied:
		return outcome{name: "permission_denied", class: refusal, health: ignore}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return outcome{name: "unauthorized", class: refusal, health: deny}
	case status == http.StatusTooManyRequests:
		return outcome{name: "throttled", class: throttle, health: cool}
	case status == http.StatusServiceUnavailable:
		return outcome{name: "failed", class: failure, health: failFor}
	case status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return outcome{name: "failed", class: failure, health: fail}
	}
	return outcome{name: "rejected", class: failure, health: ignore}
}
