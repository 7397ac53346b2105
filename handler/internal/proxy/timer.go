package proxy

import (
	"context"
	"sync/atomic"
	"time"
)

// timeLimit names what ends an attempt that waits for too long.
type timeLimit int32

const (
	requestTime timeLimit = iota
	attemptTime
	idleTime
)

func (l timeLimit) cause() error {
	switch l {
	case attemptTime:
		return errAttemptTimeout
	case idleTime:
		return errStreamIdle
	default:
		return errRequestTimeout
	}
}

// timer serves all of an attempt's limits in turn: for headers, for the first byte, and for each read of the body. The
// attempt's own goroutine sets it.
type timer struct {
	cancel context.CancelCauseFunc
	limit  atomic.Int32
	timer  *time.Timer
}

// set ends the attempt after d, unless it is set again or stopped before.
func (t *timer) set(d time.Duration, limit timeLimit) {
	t.limit.Store(int32(limit))
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.expire)
		return
	}
	t.timer.Reset(d)
}

func (t *timer) stop() { t.timer.Stop() }

func (t *timer) expire() { t.cancel(timeLimit(t.limit.Load()).cause()) }
