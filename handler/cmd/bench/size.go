package main

import (
	"context"
	"fmt"
)

// sizes is the memory of handlers after and under what may make it grow.
type sizes struct {
	fresh   memory
	calls   int
	after   memory // those calls
	streams int
	holding memory // so many streams in which nothing happens
}

// measureSizes takes a fresh handler for each.
func (b *bench) measureSizes(ctx context.Context) (s sizes, err error) {
	s.calls, s.streams = b.plan.calls, b.plan.streams
	b.progress.say("memory: %s calls", thousands(s.calls))
	if s.fresh, s.after, err = b.memoryAfterCalls(ctx); err != nil {
		return s, err
	}
	b.progress.say("memory: %s idle streams", thousands(s.streams))
	s.holding, err = b.memoryOfStreams(ctx, s.streams)
	return s, err
}

func (b *bench) memoryAfterCalls(ctx context.Context) (fresh, after memory, err error) {
	h, err := b.startHandler(ctx, "handler", b.tableIfAny())
	if err != nil {
		return fresh, after, err
	}
	defer h.process.Stop()
	fresh = h.memory()
	all, err := connect(ctx, h.addresses, chat(kilobyte), 32)
	if err != nil {
		return fresh, after, err
	}
	defer all.close()
	for range 10 {
		all.number(b.plan.calls / 10)
		h.emptyLogs()
	}
	return fresh, h.memory(), all.failure()
}

// memoryOfStreams opens streams that send one event and then nothing.
func (b *bench) memoryOfStreams(ctx context.Context, streams int) (m memory, err error) {
	h, err := b.startHandler(ctx, "handler", b.tableIfAny())
	if err != nil {
		return m, err
	}
	defer h.process.Kill() // a clean end would wait for the streams
	all, err := openStreams(ctx, h.addresses[0], streams)
	defer all.close()
	if err != nil {
		return m, fmt.Errorf("%d idle streams: %w", streams, err)
	}
	return h.memory(), nil
}
