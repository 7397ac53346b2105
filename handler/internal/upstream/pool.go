package upstream

import (
	"slices"
	"sync"
	"time"
)

// pool is the connections that wait, by where they lead. The one that waited least is taken first, so that those too many
// grow old. Its zero value is empty. It is safe for concurrent use.
type pool struct {
	mu      sync.Mutex
	waiting map[address][]*conn // the oldest first
	sweeper *time.Timer         // nil while nothing waits
}

// take is the connection that waited least; nil if there is none.
func (p *pool) take(host address) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.waiting[host]
	if len(conns) == 0 {
		return nil
	}
	last := len(conns) - 1
	c := conns[last]
	conns[last] = nil
	p.waiting[host] = conns[:last]
	return c
}

// put lets a connection wait, or closes it where enough do.
func (p *pool) put(c *conn) {
	if !p.keep(c) {
		c.abort()
	}
}

func (p *pool) keep(c *conn) bool {
	c.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.waiting[c.host]
	if len(conns) >= idleConns {
		return false
	}
	if p.waiting == nil {
		p.waiting = map[address][]*conn{}
	}
	p.waiting[c.host] = append(conns, c)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(idleTime, p.sweep)
	}
	return true
}

// sweep closes the connections that waited too long, and comes back when the next will have.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, next := time.Now(), time.Duration(0)
	for host, conns := range p.waiting {
		for len(conns) > 0 && now.Sub(conns[0].since) >= idleTime {
			conns[0].abort()
			conns = slices.Delete(conns, 0, 1)
		}
		if len(conns) == 0 {
			delete(p.waiting, host)
			continue
		}
		p.waiting[host] = conns
		if wait := idleTime - now.Sub(conns[0].since); next == 0 || wait < next {
			next = wait
		}
	}
	p.sweeper = nil
	if next > 0 {
		p.sweeper = time.AfterFunc(next, p.sweep)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conns := range p.waiting {
		for _, c := range conns {
			c.abort()
		}
	}
	p.waiting = nil
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}
