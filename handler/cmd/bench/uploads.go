package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"aoai-balancer/handler/internal/stack"
)

// uploads is what became of many large requests at once.
type uploads struct {
	calls, served, refused int // refused: 503 with Retry-After
	lost                   int // anything else
	memory                 memory
	disk                   int64 // the most that lay in files at a time
}

const uploadSize = 20 * megabyte

// measureUploads sends large bodies from many callers at once to a fresh handler.
func (b *bench) measureUploads(ctx context.Context) (u uploads, err error) {
	b.progress.say("memory: %d callers at once with 20 MB each", b.plan.uploads)
	h, err := b.startHandler(ctx, "handler", b.tableIfAny())
	if err != nil {
		return u, err
	}
	defer h.process.Stop()
	stop := make(chan struct{})
	most := make(chan int64, 1)
	go func() { most <- mostOnDisk(h.process, stop) }()
	request := chat(uploadSize).requests(h.addresses[0])[0]
	var all sync.WaitGroup
	var mu sync.Mutex
	u.calls = b.plan.uploads
	for range u.calls {
		all.Go(func() {
			outcome := upload(ctx, h.addresses[0], request)
			mu.Lock()
			defer mu.Unlock()
			u.add(outcome)
		})
	}
	all.Wait()
	close(stop)
	u.disk, u.memory = <-most, h.memory()
	return u, ctx.Err()
}

// outcome is what a caller got.
type outcome struct {
	status int
	retry  bool
}

func (u *uploads) add(o outcome) {
	switch {
	case o.status == http.StatusOK:
		u.served++
	case o.status == http.StatusServiceUnavailable && o.retry:
		u.refused++
	default:
		u.lost++
	}
}

// upload reads the answer while it still sends: a refusal comes before the body has been read.
func upload(ctx context.Context, address string, request []byte) outcome {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return outcome{}
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(slack))
	go func() { _, _ = conn.Write(request) }()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return outcome{}
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := discard(answer.Body); err != nil {
		return outcome{}
	}
	return outcome{answer.StatusCode, answer.Header.Get("Retry-After") != ""}
}

// mostOnDisk looks again and again at the files without a name that a process has open: those are bodies.
func mostOnDisk(p *stack.Process, stop <-chan struct{}) (most int64) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if used, err := p.Usage(); err == nil {
			most = max(most, used.TempBytes)
		}
		select {
		case <-stop:
			return most
		case <-ticker.C:
		}
	}
}

func (u *uploads) String() string {
	return fmt.Sprintf("%d callers at once with 20 MB each: %d served, %d answered 503 with Retry-After, %d anything else; "+
		"at most %s in memory and %s in files.", u.calls, u.served, u.refused, u.lost, mebibytes(u.memory.peak), mebibytes(uint64(u.disk)))
}
