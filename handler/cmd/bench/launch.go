package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"aoai-balancer/handler/internal/stack"
)

// place finds a port and a folder for a program's files.
func (b *bench) place(name string) (port int, dir string, err error) {
	if port, err = stack.FreePort(); err != nil {
		return 0, "", err
	}
	dir, err = os.MkdirTemp(b.dir, name+"-")
	return port, dir, err
}

// launch starts a program at a port and waits until it answers.
func (b *bench) launch(ctx context.Context, t *target, cmd *exec.Cmd, port int) (*stack.Process, error) {
	p, err := stack.Start(cmd)
	if err != nil {
		return nil, err
	}
	b.stops = append(b.stops, p.Stop)
	t.addresses, t.pids = []string{"127.0.0.1:" + strconv.Itoa(port)}, []int{p.PID()}
	if err := answers(ctx, t.addresses[0], p.Ended()); err != nil {
		return nil, fmt.Errorf("%s does not answer: %w\n%s", t.name, err, p.Log.Tail())
	}
	return p, nil
}

// startTime is the longest that a program may take until its first answer.
const startTime = 10 * time.Second

var errEnded = errors.New("it has ended")

// answers waits until GET / is answered. It asks every half millisecond, so that it can tell how long a start takes.
func answers(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(500 * time.Microsecond)
	defer ticker.Stop()
	for !ready(ctx, address) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			return errEnded
		case <-ticker.C:
		}
	}
	return nil
}

func ready(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return false
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err == nil && resp.StatusCode == http.StatusOK
}
