package stack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

func write(t *testing.T, l *Log, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("writing %q took %d bytes (%v)", part, n, err)
		}
	}
}

func TestLog_ReadsAHandlersLinesAloneAndThroughTheHostsConsole(t *testing.T) {
	l := newLog()
	write(t, l,
		"Azure Functions Core Tools\r\n",
		`{"level":"info","event":"request","turn":"7","http.response.status_code":200,`, `"attempts":[{"backend":"a","status":429,"wait_ms":2500},{"backend":"b","status":200}]}`+"\n",
		`[2026-01-02T03:04:05.678Z] {"level":"warn","event":"counter_local","problem":"x"}`+"\r\n"+"[2026-01-02T03:04:05.679Z] {\n",
		`{"version":"2.0"}`+"\n",
	)
	all := l.Since(0)
	if len(all) != 2 || l.Len() != 2 {
		t.Fatalf("kept %d events of %d, want 2 of 2: %+v", len(all), l.Len(), all)
	}
	r := all[0]
	if r.Turn != "7" || r.Status != 200 || len(r.Attempts) != 2 || r.Attempts[0].Wait != 2500 || r.Attempts[1].Backend != "b" {
		t.Errorf("the request was read as %+v", r)
	}
	if all[1].Problem != "x" || !strings.HasPrefix(all[1].Text, "{") {
		t.Errorf("the host's line was read as %+v", all[1])
	}
	if !strings.HasPrefix(l.Tail(), "Azure Functions Core Tools\n{") {
		t.Errorf("the tail does not hold every line: %s", l.Tail())
	}
}

func TestLog_FindsEventsInLinesThatTheConsoleRanTogether(t *testing.T) {
	l := newLog()
	write(t, l,
		`[t] Executing HTTP request: {[t] {"level":"info","event":"request","turn":"1"}`+"\n",
		`[t] {"level":"info","event":"request","turn":"2"}[t] Executed (Duration=3ms)`+"\n",
		`{"level":"info","event":"request","turn":"3"}[t] {"level":"info","event":"request","turn":"4"}`+"\n",
		`{"level":"info","event":{"level":"info"},[t] {"level":"info","event":"request","turn":"5"}`+"\n",
	)
	var turns []string
	for _, e := range l.Requests() {
		turns = append(turns, e.Turn)
	}
	if found := strings.Join(turns, ""); found != "12345" {
		t.Errorf("found the turns %s", found)
	}
}

func TestLog_WaitFindsWhatHasComeAndWhatComes(t *testing.T) {
	l := newLog()
	write(t, l, `{"level":"info","event":"one"}`+"\n")
	if _, err := l.Wait(t.Context(), "one"); err != nil {
		t.Errorf("waiting for what is there: %v", err)
	}
	found := make(chan error, 1)
	go func() {
		_, err := l.Wait(t.Context(), "two")
		found <- err
	}()
	write(t, l, `{"level":"info","event":"three"}`+"\n", `{"level":"info","event":"two"}`+"\n")
	if err := <-found; err != nil {
		t.Errorf("waiting for what comes: %v", err)
	}
}

func TestLog_WaitEndsWithTheProcessAndWithItsContext(t *testing.T) {
	l := newLog()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Wait(ctx, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("the context's end gave %v", err)
	}
	l.end()
	if _, err := l.Wait(t.Context(), "never"); !errors.Is(err, errLogEnded) {
		t.Errorf("the process's end gave %v", err)
	}
}

func TestLog_KeepsTheNewestAndNoMore(t *testing.T) {
	l := newLog()
	for i := range maxEntries + 5 {
		write(t, l, fmt.Sprintf(`{"level":"info","event":"request","turn":"%d"}`+"\n", i))
	}
	all := l.Requests()
	if len(all) != maxEntries || all[0].Turn != "5" || all[len(all)-1].Turn != strconv.Itoa(maxEntries+4) {
		t.Errorf("kept %d events, %s to %s", len(all), all[0].Turn, all[len(all)-1].Turn)
	}
	if since := l.Since(l.Len() - 2); len(since) != 2 || since[1].Turn != strconv.Itoa(maxEntries+4) {
		t.Errorf("the last two are %+v", since)
	}
	write(t, l, strings.Repeat("x", 3*maxLine), strings.Repeat("y", maxLine), "\n")
	if len(l.partial) > maxLine || len(l.Tail()) > 2*maxLine {
		t.Error("a line without an end is kept whole")
	}
}

func FuzzLog_Write(f *testing.F) {
	f.Add([]byte(`{"level":"info","event":"request"}`+"\n"), 3)
	f.Add([]byte("[x] {\"level\":\"info\",\"event\":\"a\",\"attempts\":[{}]}\r\n{\n"), 1)
	f.Add([]byte("{{{\n\n\x00\xff"), 2)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		l := newLog()
		cut = min(max(cut, 0), len(text))
		write(t, l, string(text[:cut]), string(text[cut:]), "\n")
		whole := newLog()
		write(t, whole, string(text)+"\n")
		if l.Tail() != whole.Tail() || l.Len() != whole.Len() {
			t.Errorf("cut at %d: %d events and %q, whole: %d and %q", cut, l.Len(), l.Tail(), whole.Len(), whole.Tail())
		}
	})
}
