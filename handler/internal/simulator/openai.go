package simulator

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// OpenAI is one simulated Azure OpenAI resource: an http.Handler for the paths
// under /openai, safe for concurrent use. Everything it waits for ends with the
// request's context, and all its time is that of package time, so it runs in a
// testing/synctest bubble (make it inside the bubble).
//
// It starts no goroutine.
type OpenAI struct {
	options   Options
	calls     atomic.Int64
	keyring   atomic.Pointer[keyring]
	quotas    map[string]*quota // nil: every deployment exists; never changed after New
	script    script
	record    record
	left      departures
	shapes    shapes
	asks      asks
	resources resources
	names     nameSource
	work      sync.Pool // of *workspace
}

// workspace is the memory of one call, used again by later ones.
type workspace struct {
	body bytes.Buffer
	out  []byte
}

// maxKeptWorkspace bounds what an idle workspace holds on to.
const maxKeptWorkspace = 1 << 20

// New makes a resource that is ready to serve.
func New(o Options) *OpenAI {
	s := &OpenAI{options: o.withDefaults(), left: departures{ch: make(chan Request, maxLeft)}, names: newNameSource()}
	s.keyring.Store(&keyring{keys: o.Keys, tokens: o.Tokens, valid: o.ValidToken})
	s.work.New = func() any { return new(workspace) }
	if len(o.Deployments) > 0 {
		s.quotas = make(map[string]*quota, len(o.Deployments))
		for _, d := range o.Deployments {
			s.quotas[d.Name] = newQuota(d, s.options.Window)
		}
	}
	return s
}

// Script queues steps: the next calls meet them in order, then normal service
// again. Each call meets the first queued step that is not limited to another
// deployment.
func (o *OpenAI) Script(steps ...Step) { o.script.add(steps) }

// Received is what arrived since the start or the last Forget, in the order in
// which the bodies were complete: the newest 20,000. The slice is the caller's;
// headers and bodies in it are shared and not to be changed.
func (o *OpenAI) Received() []Request { return o.record.list() }

// Calls is the number of requests so far. Forget does not reset it.
func (o *OpenAI) Calls() int64 { return o.calls.Load() }

// Forget clears the record, the script and what Left still holds.
func (o *OpenAI) Forget() {
	o.script.clear()
	o.record.clear()
	o.left.clear()
}

// SetKeys changes the accepted keys at once, as regenerating them does. The
// accepted tokens stay.
func (o *OpenAI) SetKeys(keys ...string) {
	o.keyring.Store(&keyring{keys: keys, tokens: o.options.Tokens, valid: o.options.ValidToken})
}

// Left delivers each request whose caller left before its answer was complete:
// while it was sent, waited for or streamed. It holds 1024, then drops the
// oldest. It is never closed.
func (o *OpenAI) Left() <-chan Request { return o.left.ch }

// ServeHTTP serves one request. It ends in panic(http.ErrAbortHandler) where a
// step breaks the connection, as net/http asks of a handler that does.
func (o *OpenAI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.calls.Add(1)
	space := o.work.Get().(*workspace)
	c := &call{o: o, w: w, r: r, arrived: time.Now(), route: parseRoute(r.URL.EscapedPath()), body: &space.body, out: space.out}
	c.deployment = c.route.deployment
	err := c.serve()
	cut, reset := errors.Is(err, errCut), errors.Is(err, errReset)
	if err != nil && !cut && !reset {
		o.left.add(c.describe())
	}
	space.out = c.out
	o.release(space)
	switch {
	case cut:
		panic(http.ErrAbortHandler)
	case reset:
		resetCaller(w)
	}
}

func (o *OpenAI) release(s *workspace) {
	if s.body.Cap()+cap(s.out) > maxKeptWorkspace {
		return
	}
	s.body.Reset()
	o.work.Put(s)
}

// nameSource makes names that are unique in this process and, by a random
// start, among resources: an id of one resource must not exist in another.
type nameSource struct {
	start string // 8 hexadecimal digits
	count atomic.Uint64
}

func newNameSource() nameSource {
	var start [4]byte
	rand.Read(start[:]) // never fails, see crypto/rand
	return nameSource{start: hex.EncodeToString(start[:])}
}

// next is 20 hexadecimal digits.
func (s *nameSource) next() string {
	name := append(make([]byte, 0, 20), s.start...)
	digits := strconv.AppendUint(make([]byte, 0, 12), s.count.Add(1), 16)
	for range 12 - len(digits) {
		name = append(name, '0')
	}
	return string(append(name, digits...))
}
