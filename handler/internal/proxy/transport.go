package proxy

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a connection to a backend: a region that is gone must cost little.
const (
	dialTimeout        = 2 * time.Second
	tlsTimeout         = 5 * time.Second
	idleConnTimeout    = 30 * time.Second
	idleConnections    = 128 // a host
	maxResponseHeaders = 256 << 10
)

// NewTransport is the connection pool to the backends: HTTP/1.1 only, because the fate of one HTTP/2 connection would
// be the fate of every request on it, and without decompression, because answers pass byte by byte.
// dial makes the connections, as net.Dialer's DialContext does.
func NewTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			return dial(ctx, network, address)
		},
		TLSHandshakeTimeout:    tlsTimeout,
		MaxIdleConnsPerHost:    idleConnections,
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxResponseHeaders,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

// bufferPool lends ReverseProxy its copy buffers.
type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any { return new([32 << 10]byte) }}}
}

func (b *bufferPool) Get() []byte { return b.pool.Get().(*[32 << 10]byte)[:] }

func (b *bufferPool) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }
