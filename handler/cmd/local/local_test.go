package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/status"
)

// bareMachine leaves nothing but Go on PATH.
func bareMachine(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("links to programs need a privilege on Windows")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(goTool, filepath.Join(dir, "go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

// port is one that is free just now.
func port(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func plainScreen() (*screen, *bytes.Buffer) {
	out := new(bytes.Buffer)
	return &screen{out: out, begin: time.Now()}, out
}

func TestOnce_ShowsTheProductAndEndsWhereOnlyGoIsInstalled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole product")
	}
	bareMachine(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s, out := plainScreen()
	if err := run(ctx, s, port(t), true); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, said := range []string{
		"the turn counter is in memory",
		"(Azure Functions Core Tools 4.6 or later) is not on PATH",
		"10 calls took turns, alternating exactly: westeurope 5, eastus 5",
		"after westeurope 429, wait 3.0 s",
		"served through: the handler by itself",
	} {
		if !strings.Contains(out.String(), said) {
			t.Errorf("it does not say %q:\n%s", said, out)
		}
	}
}

func TestRun_EndsOnCtrlCWithEverythingThatItStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole product")
	}
	bareMachine(t)
	for name, row := range map[string]struct {
		once bool
		want error
	}{"to look around": {false, nil}, "to check": {true, errInterrupted}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			s, _ := plainScreen()
			s.out = ctrlC{at: "calls, one after another", press: cancel}
			p := port(t)
			if err := run(ctx, s, p, row.once); !errors.Is(err, row.want) {
				t.Errorf("it ended with %v", err)
			}
			if l, err := net.Listen("tcp", (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p}).String()); err != nil {
				t.Errorf("its port is not free again: %v", err)
			} else {
				_ = l.Close()
			}
		})
	}
}

// ctrlC is pressed when the screen shows a text.
type ctrlC struct {
	at    string
	press func()
}

func (c ctrlC) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.at) {
		c.press()
	}
	return len(p), nil
}

func TestRun_SaysThatThePortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s, _ := plainScreen()
	err = run(t.Context(), s, l.Addr().(*net.TCPAddr).Port, true)
	if err == nil || !strings.Contains(err.Error(), "choose another with -port") {
		t.Errorf("it ended with %v", err)
	}
}

func TestScreen_DrawsInPlaceOnATerminalOnly(t *testing.T) {
	s, out := plainScreen()
	s.draw([]string{"table"})
	s.say("line")
	if out.String() != "line\n" {
		t.Errorf("away from a terminal it printed %q", out)
	}
	s, out = plainScreen()
	s.live = true
	s.draw([]string{"a", "b"})
	s.say("line")
	s.draw([]string{"c"})
	s.keep()
	s.draw([]string{"d"})
	if want := "a\nb\n" + "\x1b[2F\x1b[J" + "line\na\nb\n" + "\x1b[2F\x1b[J" + "c\n" + "d\n"; out.String() != want {
		t.Errorf("on a terminal it printed %q, want %q", out, want)
	}
}

func TestCheckTurns_ToleratesNoUnevenShareAndNoRepetition(t *testing.T) {
	backends := []*stack.Backend{{Name: "w"}, {Name: "e"}}
	for _, row := range []struct {
		order      string
		west, east int64
		fair       bool
	}{
		{"wewe", 2, 2, true},
		{"ewew", 2, 2, true},
		{"weew", 2, 2, false},
		{"wewe", 3, 2, false},
		{"wewe", 1, 3, false},
	} {
		var answers []answer
		for b := range strings.SplitSeq(row.order, "") {
			answers = append(answers, answer{status: 200, backend: b})
		}
		result, err := checkTurns(backends, []int64{7, 7}, []int64{7 + row.west, 7 + row.east}, answers)
		if (err == nil) != row.fair {
			t.Errorf("%+v: %s, %v", row, result, err)
		}
	}
}

func TestView_ShowsWhoServedWhat(t *testing.T) {
	s, out := plainScreen()
	half, now := 0.5, time.Now()
	v := &view{screen: s, looked: now.Add(-400 * time.Millisecond), shown: status.Document{Deployments: []status.Deployment{{Name: "gpt", Backends: []status.DeploymentAtBackend{
		{Name: "west", State: "cooling", Cause: "throttled", RemainingMS: 2500, Recent: status.Figures{Served: 7, Throttled: 1, MovedOn: 1}},
		{Name: "east", State: "ready", Share: &half, Recent: status.Figures{Served: 21, InputTokens: 30, OutputTokens: 12, FirstByte: &status.Latency{P50: 81}}},
	}}}}}
	v.add(stack.Entry{Status: 200, Turn: "1", Backend: "west", Attempts: []stack.Attempt{{Backend: "west", Status: 200}}})
	v.add(stack.Entry{Status: 200, Turn: "2", Backend: "east", Attempts: []stack.Attempt{{Backend: "west", Status: 429, Wait: 60_000}, {Backend: "east", Status: 200}}})
	v.add(stack.Entry{Status: 429, Turn: "3"})
	table := strings.Join(v.table(now), "\n")
	for _, want := range []string{
		"west               7      -     1       0         1       0           -  cooling (throttled), 2.1 s left",
		"east              21   50 %     0       0         0      42       81 ms  ready", "last calls  we-",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if !strings.Contains(out.String(), "after west 429, wait 60.0 s") {
		t.Errorf("the list of calls is\n%s", out)
	}
}
