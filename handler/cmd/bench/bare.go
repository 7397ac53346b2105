package main

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
)

// The bare proxy is what the standard library's own parts cost: one ReverseProxy and one Transport, nothing learned, nothing
// read, nothing logged.
const (
	roleBare     = "bare"
	backendsName = "BENCH_BACKENDS"
)

// serveBare passes calls to the backends in turn.
func serveBare(ctx context.Context, port, backends string) error {
	listener, err := listen(ctx, port)
	if err != nil {
		return err
	}
	addresses := strings.Split(backends, ",")
	var next atomic.Uint64
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addresses[next.Add(1)%uint64(len(addresses))]})
		},
	}
	return serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else the server closes a request's body with the answer's first byte, which the transport may still read: it then
		// breaks off the answer.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	}))
}

func (b *bench) bareTarget(ctx context.Context) ([]*target, error) {
	port, _, err := b.place(roleBare)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), b.self)
	cmd.Env = append(os.Environ(), roleName+"="+roleBare, backendsName+"="+strings.Join(b.direct.addresses, ","), portName+"="+strconv.Itoa(port))
	t := &target{name: nameBare}
	_, err = b.launch(ctx, t, cmd, port)
	return []*target{t}, err
}
