package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/openai"
	"aoai-balancer/handler/internal/telemetry"
	"aoai-balancer/handler/internal/upstream"
)

// Bounds of what is done for an answer that the caller will not get.
const (
	credentialTime = 2 * time.Second
	renewalTime    = 5 * time.Second
	discardTime    = time.Second
	discardBytes   = 64 << 10
)

// try makes an attempt at backend i, and a second one where the first was refused for a credential that has changed
// since. Its error is errNext where the call goes on to the next backend.
func (p *Proxy) try(req *http.Request, c *call, i int, health *backend.Attempt) (*http.Response, error) {
	defer health.Ignored() // where nothing else ended it: not even a panic may keep a probe
	b := p.Backends.Backends[i]
	header, err := credentialOf(req.Context(), b)
	for renewed := false; err == nil; renewed = true {
		s := p.send(req, c, b, header)
		if renewed || !p.isRefused(s) {
			return p.settle(req, c, i, s, health)
		}
		if !renew(req.Context(), c, b, header) {
			if req.Context().Err() != nil {
				s.discard()
				break
			}
			return p.settle(req, c, i, s, health)
		}
		c.log(b, s, "credential_renewed", 0)
		s.discard()
		header, err = credentialOf(req.Context(), b)
	}
	if req.Context().Err() != nil {
		return nil, errCallerLeft
	}
	c.met(i, result{keyless, time.Now().Add(p.RetryInterval)})
	c.record.Attempts = append(c.record.Attempts, telemetry.Attempt{Backend: b.Name, Outcome: "no_credential"})
	return nil, errNext
}

func credentialOf(ctx context.Context, b *backend.Backend) (credential.Header, error) {
	if header, ok := b.Credential.AtHand(); ok {
		return header, nil // a timer is not cheap
	}
	ctx, cancel := context.WithTimeout(ctx, credentialTime)
	defer cancel()
	return b.Credential.Header(ctx)
}

// renew asks anew for a credential that was refused, and reports whether it is another one now.
func renew(ctx context.Context, c *call, b *backend.Backend, refused credential.Header) bool {
	ctx, cancel := context.WithTimeout(ctx, min(renewalTime, time.Until(c.deadline)))
	defer cancel()
	return b.Credential.Renew(ctx, refused)
}

// settle applies the outcome table to a finished attempt.
func (p *Proxy) settle(req *http.Request, c *call, i int, s *sent, health *backend.Attempt) (*http.Response, error) {
	b := p.Backends.Backends[i]
	o := p.judge(req, s, b)
	c.log(b, s, o.name, o.health(health, s))
	switch {
	case o.err != nil:
		s.discard()
		return nil, o.err
	case !o.next:
		return p.deliver(req, c, b, s), nil
	}
	again := time.Now()
	if !o.again {
		again = again.Add(p.RetryInterval)
	}
	c.met(i, result{o.class, again})
	c.keep(b, s, o.class)
	if o.class == elsewhere {
		p.leaveHome(req.Context(), c, i)
	}
	return nil, errNext
}

// sent is an attempt that was made: an answer or an error, and what is known of it.
type sent struct {
	resp    *http.Response
	err     error
	began   time.Time
	took    time.Duration
	limit   error  // what it means if time runs out: errAttemptTimeout or errRequestTimeout
	start   []byte // of the answer's body, read before anything of it was given away
	lent    []byte // of buffers, where start lies in it
	buffers *bufferPool
	pending <-chan read // a read of the body that goes on
	failure int         // the status that a stream's first events stand for; 0: none
	code    string      // error.code where it matters
}

// send makes one attempt and returns at the answer's first byte or at failure.
func (p *Proxy) send(req *http.Request, c *call, b *backend.Backend, header credential.Header) *sent {
	s := &sent{began: time.Now(), buffers: p.buffers, limit: errRequestTimeout}
	until := c.deadline
	if ends := s.began.Add(p.AttemptTimeout); p.AttemptTimeout > 0 && ends.Before(until) {
		until, s.limit = ends, errAttemptTimeout
	}
	s.resp, s.err = p.Transport.Send(request(req, c, b, header), until) //nolint:bodyclose // closed by discard, or by ReverseProxy
	if s.err == nil {
		if s.limit = errRequestTimeout; until != c.deadline {
			readUntil(s.resp.Body, c.deadline)
		}
		s.begin(p.Go)
	}
	s.took = time.Since(s.began)
	return s
}

// readUntil limits reads of a backend's body, one that is under way too. The zero time is no limit.
func readUntil(body io.Reader, t time.Time) {
	if body, ok := body.(interface{ SetReadDeadline(t time.Time) error }); ok {
		_ = body.SetReadDeadline(t)
	}
}

// request is the request of one attempt. A later one has headers of its own: those of the last may still be being sent.
func request(req *http.Request, c *call, b *backend.Backend, header credential.Header) *http.Request {
	out := req.WithContext(req.Context())
	if c.sent {
		out.Header = req.Header.Clone()
		out.Header.Del("Api-Key")
		out.Header.Del("Authorization")
	}
	c.sent = true
	out.Header.Set(header.Name, header.Value)
	out.URL = address(c.target, b, req.URL.RawQuery)
	out.TransferEncoding, out.Trailer = nil, nil
	out.GetBody = nil
	out.Body, out.ContentLength = c.open(b.Deployment(c.target.Deployment))
	return out
}

// address keeps the caller's escaping: Path and RawPath are two forms of the same bytes.
func address(target openai.Target, b *backend.Backend, query string) *url.URL {
	escaped := target.Path(b.Deployment(target.Deployment))
	path, err := url.PathUnescape(escaped)
	if err != nil {
		path = escaped
	}
	return &url.URL{Scheme: b.Endpoint.Scheme, Host: b.Endpoint.Host, Path: path, RawPath: escaped, RawQuery: query}
}

// wait is how long the backend asks to be left alone; 0 without a hint. Only with a 429 does the reset of a rate limit
// say so.
func (s *sent) wait() time.Duration {
	if s.resp == nil {
		return 0
	}
	read := openai.RetryAfter
	if s.resp.StatusCode == http.StatusTooManyRequests {
		read = openai.Wait
	}
	wait, _ := read(s.resp.Header, time.Now())
	return wait
}

// status is what the answer means: a stream may answer 200 and fail in its first events.
func (s *sent) status() int {
	if s.failure != 0 {
		return s.failure
	}
	return s.resp.StatusCode
}

// discard ends an attempt whose answer nobody gets.
func (s *sent) discard() {
	s.giveBack()
	if s.resp != nil {
		_ = s.resp.Body.Close()
	}
}

// failed is how far the exchange got that brought no answer; one whose answer broke off got to the end.
func (s *sent) failed() upstream.Error {
	if e, ok := errors.AsType[*upstream.Error](s.err); ok {
		return *e
	}
	return upstream.Error{Progress: upstream.Answered, Err: s.err}
}

// isRefused: the backend does not take our credential.
func (p *Proxy) isRefused(s *sent) bool {
	return s.err == nil && (s.resp.StatusCode == http.StatusUnauthorized || s.resp.StatusCode == http.StatusForbidden) &&
		s.code != codePermissionDenied
}

// log adds the attempt to the request's record.
func (c *call) log(b *backend.Backend, s *sent, outcome string, cooldown time.Duration) {
	a := telemetry.Attempt{
		Backend: b.Name, Outcome: outcome, Duration: s.took, Wait: s.wait(), Cooldown: cooldown,
		MaybeBilled: s.err != nil && s.failed().Progress >= upstream.Sent,
	}
	if s.resp != nil {
		a.Status, a.Headroom = s.status(), telemetry.Headroom(openai.RateLimits(s.resp.Header))
	}
	c.record.Attempts = append(c.record.Attempts, a)
}

// endedBy reports whether this, one of our own limits, ended the attempt.
func (s *sent) endedBy(limit error) bool {
	return errors.Is(s.err, upstream.ErrTimedOut) && errors.Is(s.limit, limit)
}
