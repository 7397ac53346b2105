//go:build !windows

package replay_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"aoai-balancer/handler/internal/replay"
)

func TestRead_FilesAreBounded(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 1200 {
		t.Skipf("the limit of open files here is %d (%v)", limit.Cur, err)
	}
	l := small(t)
	l.Memory = -1
	p := newPool(t, l)
	for range 2 { // the second round shows that the first gave its files back
		n, err := openFiles(t, p)
		if n != 1024 || !errors.Is(err, replay.ErrNoRoom) {
			t.Errorf("after %d files: %v", n, err)
		}
	}
}

// openFiles keeps bodies in files until one is refused, then closes them.
func openFiles(t *testing.T, p *replay.Pool) (n int, refused error) {
	for ; ; n++ {
		b, err := p.Read(t.Context(), bytes.NewReader([]byte{1}), 1)
		if err != nil {
			return n, err
		}
		defer b.Close()
	}
}
