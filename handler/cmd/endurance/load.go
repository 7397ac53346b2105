package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	callers = 32
	pause   = 40 * time.Millisecond // the most that a caller waits between calls
)

var errEnough = errors.New("the time is over")

// call is what one caller sends once.
type call struct {
	kind   string
	path   string
	body   string
	stream bool
	early  bool // its caller leaves, as a rule before the answer begins
	midway int  // bytes of the answer after which its caller leaves; 0: it stays
}

// load lets callers call until ctx ends. Calls that were begun are finished.
func (p *parts) load(ctx context.Context) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers, IdleConnTimeout: 20 * time.Second, DisableCompression: true}}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			c := &caller{parts: p, client: client, random: rand.New(rand.NewPCG(rand.Uint64(), 0))}
			for ctx.Err() == nil {
				c.call(context.WithoutCancel(ctx))
				wait(ctx, rand.N(pause))
			}
		})
	}
	all.Wait()
}

// wait reports whether ctx goes on.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// caller makes one call after another, and remembers the conversation that it is in.
type caller struct {
	parts    *parts
	client   *http.Client
	random   *rand.Rand
	response string // the last one's id
}

// next makes up a call.
func (c *caller) next() call {
	next := c.choose()
	switch c.random.IntN(20) {
	case 0:
		next.early = true
		next.kind += ", leaves early"
	case 1, 2:
		if next.stream {
			next.midway = 1 + c.random.IntN(2000)
			next.kind += ", leaves midway"
		}
	}
	return next
}

const chatBody = `{"stream":%v,"messages":[{"role":"user","content":"%s"}]}`

func (c *caller) choose() call {
	chat := fmt.Sprintf("/openai/deployments/gpt-%d/chat/completions?api-version=2024-10-21", c.random.IntN(6))
	switch n := c.random.IntN(100); {
	case n < 40:
		return call{kind: "chat", path: chat, body: fmt.Sprintf(chatBody, false, c.words(100+c.random.IntN(4000)))}
	case n < 65:
		return call{kind: "stream", path: chat, stream: true, body: fmt.Sprintf(chatBody, true, c.words(100+c.random.IntN(1000)))}
	case n < 80:
		inputs := strings.TrimSuffix(strings.Repeat(`"`+c.words(50)+`",`, 1+c.random.IntN(8)), ",")
		return call{kind: "embeddings", path: "/openai/deployments/embedding/embeddings?api-version=2024-10-21", body: `{"input":[` + inputs + `]}`}
	case n < 82:
		return call{kind: "large body", path: chat, body: fmt.Sprintf(chatBody, false, c.words(1<<20+c.random.IntN(3<<20)))}
	}
	stream, previous := c.random.IntN(3) == 0, ""
	if c.response != "" {
		previous = `,"previous_response_id":"` + c.response + `"`
	}
	body := fmt.Sprintf(`{"model":"gpt-r","stream":%v,"input":"%s"%s}`, stream, c.words(100), previous)
	return call{kind: "response", path: "/openai/v1/responses", stream: stream, body: body}
}

// words is text of about so many bytes, hardly ever the same twice.
func (c *caller) words(length int) string {
	word := fmt.Sprintf("%x ", c.random.Uint64())
	return strings.Repeat(word, 1+length/len(word))
}
