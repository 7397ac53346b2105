package simulator

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
)

// backlog is how many dialled connections wait for Accept; further dials wait.
const backlog = 128

// Network is a network in memory, for tests in a testing/synctest bubble, where
// a goroutine that waits for a real socket would keep time from moving. Give
// its DialContext to http.Transport and its listeners to http.Server; make it
// inside the bubble. Safe for concurrent use; it starts no goroutine.
//
// Connections buffer 64 KiB each way, as sockets do. net.Pipe would not do: it
// hands every byte over by hand, so that a writer ahead of its reader stands
// still at once, and it cannot tell a reset from a clean end. With the buffer an
// answer sent before a large request has been read is received as over TCP: the
// server's answer arrives, and the client's writing fails once the server has
// closed. Unlike TCP, data sent before a Close is never lost to it.
//
// net/http's server lingers for half a second, of fake time, on a connection
// that it closes with an early answer: let a second pass at the end of such a
// test, as a bubble waits for its goroutines but moves no time for them.
type Network struct {
	mu    sync.Mutex
	hosts map[string]*host
	ports int // client addresses given out
}

// host is what the network knows of one host:port.
type host struct {
	listener  *memoryListener // nil: connections are refused
	blackHole bool
	conns     map[*memoryConn]struct{} // the server's ends
}

// NewNetwork is a network where nobody listens.
func NewNetwork() *Network {
	return &Network{hosts: make(map[string]*host)}
}

// host finds or makes an entry. The lock is held.
func (n *Network) host(name string) *host {
	h := n.hosts[name]
	if h == nil {
		h = &host{conns: make(map[*memoryConn]struct{})}
		n.hosts[name] = h
	}
	return h
}

// Listen opens a host, named with its port ("westeurope.test:80"), again after
// Close if need be. It panics where someone listens already: a mistake of the
// test that no later error would explain.
func (n *Network) Listen(name string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.host(name)
	if h.listener != nil {
		panic("simulator: somebody already listens on " + name)
	}
	h.listener = &memoryListener{network: n, name: name, waiting: make(chan *memoryConn, backlog), closed: make(chan struct{})}
	return h.listener
}

// BlackHole lets dials of the host go unanswered until their context ends, as
// where a firewall drops packets. Established connections stay.
func (n *Network) BlackHole(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host(name).blackHole = true
}

// Restore ends BlackHole for new dials.
func (n *Network) Restore(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host(name).blackHole = false
}

// Close takes a host down as a killed process does: further dials are refused,
// established connections reset. A host that nobody listens on stays as it is.
func (n *Network) Close(name string) {
	n.mu.Lock()
	listener := n.host(name).listener
	n.mu.Unlock()
	if listener != nil {
		_ = listener.Close()
	}
	n.mu.Lock()
	conns := slices.Collect(maps.Keys(n.host(name).conns))
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Reset()
	}
}

// DialContext connects to a host that is listened on. Otherwise the error is a
// *net.OpError of "dial" that wraps syscall.ECONNREFUSED, or the context's own.
func (n *Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	client, err := n.dial(ctx, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(addr), Err: err}
	}
	return client, nil
}

func (n *Network) dial(ctx context.Context, addr string) (*memoryConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	h := n.host(addr)
	listener, blackHole := h.listener, h.blackHole
	n.mu.Unlock()
	if blackHole {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if listener == nil {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	client, server := n.connect(addr)
	if err := listener.offer(ctx, server); err != nil {
		_ = server.Reset()
		return nil, err
	}
	return client, nil
}

// connect makes a connection that the network knows until the server's end is
// closed.
func (n *Network) connect(addr string) (client, server *memoryConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports++
	from := memoryAddr("192.0.2.1:" + strconv.Itoa(1024+n.ports%60_000)) // an address for documentation, RFC 5737
	client, server = newMemoryConns(from, memoryAddr(addr))
	server.onClose = func() { n.forget(addr, server) }
	n.host(addr).conns[server] = struct{}{}
	return client, server
}

func (n *Network) forget(name string, c *memoryConn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.host(name).conns, c)
}

// memoryListener accepts what is dialled.
type memoryListener struct {
	network *Network
	name    string
	waiting chan *memoryConn
	once    sync.Once
	closed  chan struct{}
}

// offer hands a dialled connection to Accept.
func (l *memoryListener) offer(ctx context.Context, c *memoryConn) error {
	select {
	case l.waiting <- c:
	case <-l.closed:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-l.closed: // perhaps after Close looked for what waits
		return os.NewSyscallError("connect", syscall.ECONNREFUSED)
	default:
		return nil
	}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	// Both may be ready: a closed listener accepts nothing.
	select {
	case <-l.closed:
		return nil, l.closedError()
	default:
	}
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.closed:
		return nil, l.closedError()
	}
}

func (l *memoryListener) closedError() error {
	return &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close refuses further dials and resets those that nobody has accepted.
func (l *memoryListener) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		err = nil
		l.network.mu.Lock()
		l.network.host(l.name).listener = nil
		l.network.mu.Unlock()
		close(l.closed)
	})
	for {
		select {
		case c := <-l.waiting:
			_ = c.Reset()
		default:
			return err
		}
	}
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.name) }

// memoryAddr is a host:port that says it is TCP, for callers that look.
type memoryAddr string

func (memoryAddr) Network() string  { return "tcp" }
func (a memoryAddr) String() string { return string(a) }
