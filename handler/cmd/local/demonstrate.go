package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

const (
	turnCalls     = 10
	throttleWait  = 3 * time.Second // that a throttled backend asks for
	callPause     = 150 * time.Millisecond
	throttleLimit = 20 * time.Second
	warmTime      = 30 * time.Second
	logTime       = 5 * time.Second // until the access log has come through the host's console
)

// demonstrate shows the product at work and checks it. Its error says what was not as it should be.
func (l *local) demonstrate(ctx context.Context, v *view, once bool) error {
	if err := l.warmUp(ctx); err != nil {
		return err
	}
	var results []string
	for _, show := range []func(context.Context) (string, error){l.takeTurns, l.streams, l.failsOver} {
		result, err := show(ctx)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	if once {
		v.end()
	}
	l.screen.say("\nEverything is as it should be:")
	for _, result := range append(results, "served through: "+l.host, "keys: "+l.keys, "turn counter: "+l.counter) {
		l.screen.say("  * %s", result)
	}
	return nil
}

// warmUp calls until turns come from the counter: a table that was just created may be slow, and a request does not wait
// for it.
func (l *local) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, warmTime)
	defer cancel()
	l.screen.say("First calls, until keys and counter are at hand:")
	for {
		turns, _, err := l.calls(ctx, 1, chat)
		if err != nil || !anyLocal(turns) {
			return err
		}
	}
}

func anyLocal(turns []string) bool {
	return slices.ContainsFunc(turns, func(turn string) bool { return strings.HasPrefix(turn, "local:") })
}

// calls makes n calls one after another and reads their turns from the access log.
func (l *local) calls(ctx context.Context, n int, send func(context.Context, string) (answer, error)) (turns []string, answers []answer, err error) {
	before := len(l.front.Log.Requests())
	for range n {
		a, err := send(ctx, l.front.URL)
		if err != nil {
			return nil, nil, err
		}
		if a.status != 200 {
			return nil, nil, fmt.Errorf("a call was answered %d; the log ends with\n%s", a.status, l.front.Log.Tail())
		}
		answers = append(answers, a)
	}
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	if err := stack.Until(ctx, func() bool { return len(l.front.Log.Requests()) >= before+n }); err != nil {
		return nil, nil, errors.New("the access log does not show the calls")
	}
	for _, entry := range l.front.Log.Requests()[before:] {
		turns = append(turns, entry.Turn)
	}
	return turns, answers, nil
}

// takeTurns shows the rotation. The backends' own counts decide.
func (l *local) takeTurns(ctx context.Context) (string, error) {
	l.screen.say("\n%d calls, one after another:", turnCalls)
	for range 3 { // storage that was slow for a moment makes a turn local, and says so: then another round
		before := l.served()
		turns, answers, err := l.calls(ctx, turnCalls, chat)
		if err != nil {
			return "", err
		}
		if anyLocal(turns) {
			l.screen.say("Storage was slow for a moment, and a turn was taken without it: again.")
			continue
		}
		return checkTurns(l.backends, before, l.served(), answers)
	}
	return "", errors.New("storage was too slow in each of three rounds: turns were taken without it")
}

func (l *local) served() (counts []int64) {
	for _, b := range l.backends {
		counts = append(counts, b.Calls())
	}
	return counts
}

func checkTurns(backends []*stack.Backend, before, after []int64, answers []answer) (string, error) {
	var shares, order []string
	fair := true
	for i, b := range backends {
		count := after[i] - before[i]
		shares = append(shares, fmt.Sprintf("%s %d", b.Name, count))
		fair = fair && count == int64(len(answers)/len(backends))
	}
	for i, a := range answers {
		order = append(order, a.backend)
		fair = fair && (i == 0 || a.backend != answers[i-1].backend)
	}
	shared := strings.Join(shares, ", ")
	if !fair {
		return "", fmt.Errorf("%d calls did not alternate: %s, in the order %s", len(answers), shared, strings.Join(order, " "))
	}
	return fmt.Sprintf("%d calls took turns, alternating exactly: %s (as the backends counted)", len(answers), shared), nil
}

// streams shows that events come through one by one.
func (l *local) streams(ctx context.Context) (string, error) {
	l.screen.say("\nA streamed answer:")
	_, answers, err := l.calls(ctx, 1, stream)
	if err != nil {
		return "", err
	}
	events := answers[0].events
	if len(events) < 3 || !answers[0].complete {
		return "", fmt.Errorf("a stream came with %d events, complete: %v", len(events), answers[0].complete)
	}
	first, last := events[0], events[len(events)-1]
	if last-first < 100*time.Millisecond {
		return "", fmt.Errorf("%d events came within %v, not one by one", len(events), last-first)
	}
	return fmt.Sprintf("a stream's %d events came one by one, from %d to %d ms after the call", len(events), first.Milliseconds(), last.Milliseconds()), nil
}

// failsOver throttles the first backend once and calls on until it serves again.
func (l *local) failsOver(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, throttleLimit)
	defer cancel()
	out, other := l.backends[0], l.backends[1]
	l.screen.say("\n%s now answers 429 once and asks to be left alone for %v:", out.Name, throttleWait)
	out.Forget()
	out.Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": strconv.FormatInt(throttleWait.Milliseconds(), 10)}})
	made, movedOn, meanwhile := 0, 0, 0
	for movedOn == 0 || len(out.Received()) < 2 {
		_, answers, err := l.calls(ctx, 1, chat)
		if err != nil {
			return "", fmt.Errorf("with %s throttled: %w", out.Name, err)
		}
		pause(ctx)
		made++
		if a := answers[0]; a.attempts == 2 && a.backend == other.Name {
			movedOn++
		} else if movedOn > 0 && a.backend == other.Name {
			meanwhile++
		}
	}
	received := out.Received()
	alone := received[1].Time.Sub(received[0].Time)
	if movedOn != 1 || alone < throttleWait {
		return "", fmt.Errorf("%s was throttled for %v and called again after %v; %d calls moved on", out.Name, throttleWait, alone, movedOn)
	}
	return fmt.Sprintf("%s was throttled: %s answered that call on its second attempt, and the next %d at once; "+
		"%s was called again after %.1f s (it had asked for %.1f s); each of %d calls was answered with 200",
		out.Name, other.Name, meanwhile, out.Name, alone.Seconds(), throttleWait.Seconds(), made), nil
}

// pause gives people time to look, and keeps the list short.
func pause(ctx context.Context) {
	select {
	case <-time.After(callPause):
	case <-ctx.Done():
	}
}

// invite says what to try next.
func (l *local) invite() {
	l.screen.say("\nTry it, and see who serves it below:\n\n"+
		"  curl -i '%s' \\\n    -H 'Content-Type: application/json' \\\n    -d '{\"messages\":[{\"role\":\"user\",\"content\":\"What is the best way to get to London from Berlin?\"}],\"max_completion_tokens\":200}'\n\n"+
		"Throttle %s for 5 s:\n\n  curl %s/simulator/script -d '[{\"status\":429,\"header\":{\"retry-after-ms\":\"5000\"}}]'\n\n"+
		"Look at it in a browser:\n\n  %s/status\n\n"+
		"Ctrl+C ends everything.", chatURL(l.front.URL), l.backends[1].Name, l.backends[1].URL, l.front.URL)
}
