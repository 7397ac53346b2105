// Package proxy forwards a call to the next backend and moves on until one serves it.
package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/openai"
	"aoai-balancer/handler/internal/replay"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/telemetry"
)

// Turns gives each call its turn. Take never fails and is safe for concurrent use.
type Turns interface {
	Take(ctx context.Context, deployment string) rotation.Turn
}

// Transport makes one attempt, as upstream.Transport does. An answer's body may have a method SetReadDeadline.
type Transport interface {
	Send(req *http.Request, until time.Time) (*http.Response, error)
}

// Options are the parts of a Proxy and its limits. All times are as in the settings of the same names.
type Options struct {
	Backends          *backend.Set
	Health            *backend.Health
	Rotation          *rotation.Rotation
	Turns             Turns
	Bodies            *replay.Pool
	Homes             *affinity.Homes
	Transport         Transport
	Go                func(func()) // starts a goroutine whose panics go no further
	RetryStatus       func(status int) bool
	MaxRetries        int
	RetryInterval     time.Duration
	RequestTimeout    time.Duration
	AttemptTimeout    time.Duration
	StreamIdleTimeout time.Duration
	StickyKey         string // a member of the body whose equal values prefer the same backend; empty: none
}

// Proxy serves /openai/… It is safe for concurrent use.
type Proxy struct {
	Options
	reverse *httputil.ReverseProxy
	buffers *bufferPool
	waiting chan struct{} // a place for each request that may wait at the same time
}

// maxWaiting bounds the requests of an instance that wait for a backend: waiting callers multiply an overload.
const maxWaiting = 4

// New makes a Proxy.
func New(o Options) *Proxy {
	p := &Proxy{Options: o, waiting: make(chan struct{}, maxWaiting), buffers: newBufferPool()}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     p,
		FlushInterval: -1,
		BufferPool:    p.buffers,
		ErrorHandler:  refuse,
		// What it would log names hosts; the access log says how each answer ended.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return p
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := p.accept(r)
	if err != nil {
		refuse(w, r, err)
		linger(w, r)
		return
	}
	defer func() { _ = c.body.Close() }()
	p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
}

// call is one request on its way over the backends. The request's own goroutine owns it.
type call struct {
	target   openai.Target
	body     *replay.Body
	model    openai.Place // where the body names the deployment; empty where the path does
	turn     rotation.Turn
	record   *telemetry.Record
	deadline time.Time // of the answer's first byte
	eligible uint64    // backends that could serve it
	pinned   bool      // to one backend: the caller chose it, or what the call names lives there
	bond     *bond     // what binds it to backends; nil for most calls

	tried   uint64
	sent    bool // an attempt was made, and its request's headers are in use
	waited  bool
	results map[int]result  // by backend; made with the first
	kept    [classes]*saved // by class: an answer that could be given if nothing better comes
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// accept reads all that is needed to try the request at any backend. Its errors have a public face.
func (p *Proxy) accept(r *http.Request) (*call, error) {
	target, err := openai.ParseTarget(callerPath(r))
	if err != nil {
		return nil, err
	}
	c := &call{target: target, record: telemetry.RecordOf(r.Context()), deadline: time.Now().Add(p.RequestTimeout)}
	c.record.Operation = target.Operation
	if c.body, err = p.Bodies.Read(r.Context(), r.Body, r.ContentLength); err != nil {
		return nil, bodyError(r, err)
	}
	c.record.RequestSize = c.body.Len()
	accepted := false
	defer func() {
		if !accepted { // a panic included
			_ = c.body.Close()
		}
	}()
	if err := p.direct(r, c); err != nil {
		return nil, err
	}
	accepted = true
	return c, nil
}

// direct finds out what the call is for, who could serve it and, unless the caller chose, whose turn it is.
func (p *Proxy) direct(r *http.Request, c *call) error {
	if c.target.InBody && r.Method == http.MethodPost {
		if err := c.findModel(r.Header.Get("Content-Type")); err != nil {
			return err
		}
	}
	c.record.Deployment = c.target.Deployment
	if err := p.choose(c, r.Header.Get("X-Aoai-Backend")); err != nil {
		return err
	}
	if !c.pinned {
		p.keepHome(r, c)
	}
	if !c.pinned {
		c.eligible &= p.Rotation.Members()
	}
	switch {
	case c.eligible == 0:
		return noBackend(c.target.Deployment)
	case !c.pinned && c.sticky() == "":
		p.takeTurn(r.Context(), c)
	}
	return nil
}

func (p *Proxy) takeTurn(ctx context.Context, c *call) {
	c.turn = p.Turns.Take(ctx, c.target.Deployment)
	c.record.Turn = c.turn.String()
}

// choose finds the backends that could serve the call; name is the one that the caller asks for, or empty.
func (p *Proxy) choose(c *call, name string) error {
	if c.eligible = p.Backends.Serving(c.target.Deployment); c.target.Deployment == openai.AnyDeployment {
		c.eligible = p.Backends.Every()
	}
	if name != "" {
		i, ok := p.Backends.Named(name)
		if !ok {
			return unknownBackend()
		}
		c.pinned, c.eligible = true, c.eligible&(1<<i)
	}
	return nil
}

// callerPath is the escaped path as the caller wrote it. The Functions host escapes an escaped slash once more.
func callerPath(r *http.Request) string {
	path := r.URL.EscapedPath()
	if r.Header.Get("X-Azure-Functions-InvocationId") == "" || !strings.Contains(path, "%252") {
		return path
	}
	return strings.NewReplacer("%252F", "%2F", "%252f", "%2f").Replace(path)
}

func bodyError(r *http.Request, err error) error {
	switch {
	case errors.Is(err, replay.ErrTooLarge):
		return tooLarge()
	case errors.Is(err, replay.ErrNoRoom):
		return noRoom(err)
	case r.Context().Err() != nil:
		return errCallerLeft
	}
	return unreadable(err)
}

// refuse answers a call that no backend answers. It is also the ReverseProxy's error handler.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	record := telemetry.RecordOf(r.Context())
	if errors.Is(err, errCallerLeft) || r.Context().Err() != nil {
		record.Outcome = "caller_left"
		return
	}
	var e *openai.Error
	if !errors.As(err, &e) {
		e = internal(err)
	}
	record.Code = e.Code
	setAttempts(w.Header(), record)
	e.Write(w)
	record.Complete = true
}
