package proxy

import (
	"context"
	"io"
	"math/bits"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/openai"
)

// bond is what binds a call to backends.
type bond struct {
	id      string // that it names; empty: none
	sticky  string // value of the sticky key; empty: none
	atHome  bool   // the call is pinned because what it names lives there
	serving uint64 // backends that could have served it if it were not
	foreign uint64 // backends that cannot read what another encrypted
}

// sticky is the value of the sticky key; empty: none.
func (c *call) sticky() string {
	if c.bond == nil {
		return ""
	}
	return c.bond.sticky
}

// keepHome narrows a call down to the backend where what it names lives, and else notes which value it is to stick by.
// A call that can do neither costs nothing here: its body is not looked at.
func (p *Proxy) keepHome(r *http.Request, c *call) {
	operation, anyDeployment := c.target.Operation, c.target.Deployment == openai.AnyDeployment
	if anyDeployment && affinity.IsList(r.Method, operation) {
		c.pinned, c.eligible = true, c.eligible&1
		return
	}
	id, ids := "", affinity.Concerns(operation)
	if ids {
		id = affinity.InPath(operation)
	}
	sticky := p.StickyKey
	if anyDeployment {
		sticky = ""
	}
	if id == "" && (ids || sticky != "") && r.Method == http.MethodPost && !isForm(r) {
		body := c.body.Open()
		named := affinity.Read(body, affinity.Wanted{IDs: ids, Sticky: sticky})
		_ = body.Close()
		id, c.bond = named.ID, &bond{sticky: named.Sticky}
	}
	if id != "" {
		c.bond = &bond{id: id}
		p.pin(r, c)
	}
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/")
}

// pin finds out where an id lives. One that nobody has leaves the call to its turn, but not to a backend that has just
// said that it does not have it while others could not be asked.
func (p *Proxy) pin(r *http.Request, c *call) {
	id := c.bond.id
	home := p.Homes.Find(r.Context(), id, p.search(c, id, r.URL.Query().Get("api-version")))
	if i, ok := p.Backends.Named(home.Backend); ok {
		c.pinned, c.bond.atHome, c.bond.serving = true, true, c.eligible
		c.eligible &= 1 << i
	} else if others := c.eligible &^ home.Absent; others != 0 {
		c.eligible = others
	}
}

// search asks all backends for the id, in the API and the version that the caller uses; nil where it cannot be asked
// for.
func (p *Proxy) search(c *call, id, version string) affinity.Search {
	path := affinity.Path(id)
	if path == "" {
		return nil
	}
	base := "/openai/"
	if strings.HasPrefix(c.target.Path(c.target.Deployment), "/openai/v1/") {
		base = "/openai/v1/"
	}
	query := ""
	if version != "" {
		query = url.Values{"api-version": {version}}.Encode()
	}
	asked := c.eligible
	return func(ctx context.Context) affinity.Home {
		return p.askAll(ctx, asked, url.URL{Path: base + path, RawQuery: query})
	}
}

// found is what one backend says of an id.
type found struct {
	backend int
	status  int // 0: nothing
}

// askAll is over with the first backend that has it.
func (p *Proxy) askAll(ctx context.Context, asked uint64, address url.URL) affinity.Home {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan found, bits.OnesCount64(asked))
	for m := asked; m != 0; m &= m - 1 {
		f := found{backend: bits.TrailingZeros64(m)}
		p.Go(func() {
			defer func() { answers <- f }()
			f.status = p.askFor(ctx, p.Backends.Backends[f.backend], address)
		})
	}
	var home affinity.Home
	for range cap(answers) {
		f := <-answers
		switch {
		case f.status == http.StatusOK:
			return affinity.Home{Backend: p.Backends.Backends[f.backend].Name}
		case !saysNothing(f.status):
			home.Absent |= 1 << f.backend
		}
	}
	return home
}

// saysNothing: the backend may have it, and answer later, or once it is asked with a key that is good.
func saysNothing(status int) bool {
	switch status {
	case 0, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}

// askFor says nothing about the backend's health, whatever comes of it.
func (p *Proxy) askFor(ctx context.Context, b *backend.Backend, address url.URL) (status int) {
	credential, err := b.Credential.Header(ctx)
	if err != nil {
		return 0
	}
	address.Scheme, address.Host = b.Endpoint.Scheme, b.Endpoint.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return 0
	}
	req.Header.Set(credential.Name, credential.Value)
	resp, err := p.Transport.Send(req, time.Time{})
	if err != nil {
		return 0
	}
	readUntil(resp.Body, time.Now().Add(discardTime))
	_, _ = io.CopyN(io.Discard, resp.Body, discardBytes)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// leaveHome lets a call go on that its backend cannot read: another one encrypted what it holds.
func (p *Proxy) leaveHome(ctx context.Context, c *call, i int) {
	if c.bond == nil {
		c.bond = new(bond)
	}
	c.bond.foreign |= 1 << i
	if c.bond.atHome {
		c.bond.atHome, c.pinned, c.eligible = false, false, c.bond.serving&p.Rotation.Members()
		p.takeTurn(ctx, c)
	}
	c.eligible &^= c.bond.foreign
}

// arrive notes what an answer teaches: what the call named lives where it was served.
func (p *Proxy) arrive(c *call, b *backend.Backend, resp *http.Response) *affinity.Watch {
	if !affinity.Concerns(c.target.Operation) {
		return nil
	}
	if c.bond != nil && c.bond.id != "" && resp.StatusCode < http.StatusMultipleChoices {
		p.Homes.Remember(c.bond.id, b.Name)
	}
	return p.Homes.Watch(b.Name, c.target.Operation, resp)
}
