package rotation_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/rotation"
)

func TestTake_NamesNoDeploymentCanHaveNeverReachStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRow()
		p := newProcess(t, r)
		first := p.Take(t.Context(), "")
		for i, name := range []string{"a b", "../x", "chat/", "%2F", "ü", "**", strings.Repeat("a", 65), "a\x00"} {
			want := rotation.Turn{N: first.N + 1 + uint64(i), Local: true}
			if turn := p.Take(t.Context(), name); turn != want {
				t.Errorf("%q got %v, want %v: they share one counter", name, turn, want)
			}
		}
		if n := len(r.claimed()); n != 0 || p.Stats().Lines != 0 {
			t.Errorf("%d claims, %d lines", n, p.Stats().Lines)
		}
		for _, name := range []string{"*", "gpt-5.4_mini", strings.Repeat("Z", 64)} {
			if turn := p.Take(t.Context(), name); turn.Local {
				t.Errorf("%q got %v, want a turn of the table", name, turn)
			}
		}
		p.wantNews(t, 0, 0)
	})
}

func TestTake_HostileNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProcess(t, &fast{})
		var before, after runtime.MemStats
		long := strings.Repeat("x", 100_000)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range 10_000 {
			path := fmt.Sprintf("name-%d/", i) + long
			p.Take(t.Context(), path[:strings.IndexByte(path, '/')])
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
			t.Errorf("10,000 names cost %d bytes", grown)
		}
		s := p.Stats()
		if s.Lines != 1000 || s.TableTurns != 1000 || s.LocalTurns != 9000 || s.Outage {
			t.Errorf("%+v, want 1000 lines and the rest local", s)
		}
		time.Sleep(9 * time.Minute)
		if turn := p.Take(t.Context(), "late"); !turn.Local {
			t.Errorf("got %v, though no line is unused for ten minutes", turn)
		}
		p.Take(t.Context(), "name-0")
		time.Sleep(2 * time.Minute)
		if turn := p.Take(t.Context(), "late"); turn.Local {
			t.Errorf("got %v, though lines are unused for ten minutes", turn)
		}
		if turn := p.Take(t.Context(), "name-0"); turn.Local || p.Stats().Lines != 1000 {
			t.Errorf("the line still in use got %v, %d lines", turn, p.Stats().Lines)
		}
	})
}
