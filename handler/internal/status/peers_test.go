package status_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/status"
	"aoai-balancer/handler/internal/telemetry"
)

func TestFleet_EachInstancesPageShowsAll(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		one, two, idle := newInstance(ctx, "one", rows), newInstance(ctx, "two", rows), newInstance(ctx, "idle", rows)
		for range 30 {
			one.call("gpt", "west", 100*time.Millisecond)
			two.call("gpt", "east", 200*time.Millisecond)
			two.call("embeddings", "east", 10*time.Millisecond)
			time.Sleep(time.Second)
		}
		for _, i := range []*instance{one, two, idle} {
			d := i.document(t, "")
			got := d.Deployments[0]
			if d.Fleet.State != "shared" || d.Scope != "fleet" || got.Name != "gpt" {
				t.Fatalf("%+v", d)
			}
			// What others did since their last row is not known yet.
			if n := got.Recent.OK; n < 30 || n > 60 || got.Backends[0].Recent.Served+got.Backends[1].Recent.Served != n {
				t.Errorf("%s: the fleet answered %d of 60 calls: %+v", d.Instance.ID, n, got.Recent)
			}
			if d := i.document(t, "scope=instance"); i != idle && d.Recent.OK != 30 && d.Recent.OK != 60 {
				t.Errorf("%s itself answered %d", d.Instance.ID, d.Recent.OK)
			}
			for _, other := range d.Fleet.Instances {
				if other.AgeMS > 31_000 || other.Self != (other.ID == d.Instance.ID) {
					t.Errorf("%s sees %+v", d.Instance.ID, other)
				}
			}
		}
		if n := len(idle.document(t, "").Fleet.Instances); n != 3 {
			t.Errorf("the idle one sees %d instances, want itself and two", n)
		}
		if n := rows.seen().rows; n != 2 {
			t.Errorf("%d rows: one without traffic has none", n)
		}
	})
}

func TestFleet_OneThatEndedFadesAndItsRowIsSweptInTheEnd(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		mortal, end := context.WithCancel(ctx)
		gone, other := newInstance(mortal, "gone", rows), newInstance(ctx, "other", rows)
		gone.call("gpt", "west", time.Second)
		time.Sleep(5 * time.Second)
		end()
		for _, row := range []struct {
			after         time.Duration
			total, recent uint64
			instances     int
		}{{10 * time.Second, 1, 1, 2}, {2 * time.Minute, 1, 0, 2}, {6 * time.Minute, 0, 0, 1}} {
			time.Sleep(row.after)
			if d := other.document(t, ""); d.Answers.OK != row.total || d.Recent.OK != row.recent || len(d.Fleet.Instances) != row.instances {
				t.Errorf("after %v more: %d calls, %d of late, %d instances", row.after, d.Answers.OK, d.Recent.OK, len(d.Fleet.Instances))
			}
		}
		for range 90 {
			other.call("gpt", "west", time.Second)
			time.Sleep(time.Minute)
		}
		if n := rows.seen().rows; n != 1 {
			t.Errorf("%d rows after an hour and a half", n)
		}
	})
}

// besideOneThatTold is an instance and the table in which another has told of one call.
func besideOneThatTold(ctx context.Context) (*instance, *table) {
	rows := newTable()
	one, two := newInstance(ctx, "one", rows), newInstance(ctx, "two", rows)
	two.call("gpt", "west", time.Second)
	time.Sleep(3 * time.Second) // virtual
	return one, rows
}

func TestFleet_StorageThatIsDownIsSaidAndTheOthersStayAsLastSeen(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		one, rows := besideOneThatTold(ctx)
		one.document(t, "")
		rows.set(func(tb *table) { tb.down = true })
		time.Sleep(10 * time.Second)
		if d := one.document(t, ""); d.Fleet.State != "unreachable" || d.Answers.OK != 1 {
			t.Errorf("down: %s, %d calls", d.Fleet.State, d.Answers.OK)
		}
		rows.set(func(tb *table) { tb.down = false })
		time.Sleep(10 * time.Second)
		if d := one.document(t, ""); d.Fleet.State != "shared" {
			t.Errorf("up again: %s", d.Fleet.State)
		}
	})
}

func TestFleet_HoweverManyLookTheRowsAreReadEveryFiveSeconds(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		i := newInstance(ctx, "i", rows)
		for range 200 {
			i.document(t, "")
			time.Sleep(100 * time.Millisecond)
		}
		if n := rows.seen().reads; n > 5 {
			t.Errorf("%d readings in 20 s", n)
		}
	})
}

// Rows are written at other times than steps end, and read at others again.
func TestFleet_WhatHappenedAtTheSameMomentIsDrawnInTheSameStep(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		one, two := newInstance(ctx, "one", rows), newInstance(ctx, "two", rows)
		time.Sleep(100 * time.Millisecond) // not when a step ends
		for range 40 {
			one.call("gpt", "west", time.Second)
			two.call("gpt", "west", time.Second)
			time.Sleep(40 * time.Second) // until both rows tell of it
			for range 7 {
				d := one.document(t, "")
				drawn, most := 0, uint32(0)
				for _, n := range only(t, d).Backends[0].History.Served {
					if n > 0 {
						drawn++
					}
					most = max(most, n)
				}
				if calls := int(only(t, d).Backends[0].Recent.Served) / 2; drawn != calls || most != 2 {
					t.Fatalf("%d moments are drawn in %d steps, at most %d a step", calls, drawn, most)
				}
				if got := d.Backends[0]; got.Recent.Served != only(t, d).Backends[0].Recent.Served {
					t.Fatalf("the backend in all: %+v", got)
				}
				time.Sleep(3 * time.Second)
			}
		}
	})
}

func TestFleet_AViewerWhoLeavesSpoilsNothingForTheNext(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		one, rows := besideOneThatTold(ctx)
		rows.set(func(tb *table) { tb.slow = 50 * time.Millisecond })
		viewer, leave := context.WithTimeout(ctx, 10*time.Millisecond)
		defer leave()
		one.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(viewer, http.MethodGet, "/status.json", nil))
		if d := one.document(t, ""); d.Fleet.State != "shared" || len(d.Fleet.Instances) != 2 {
			t.Errorf("the next one sees %+v", d.Fleet)
		}
	})
}

func TestFleet_WhileStorageIsDownOthersGrowOldAndFade(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		one, rows := besideOneThatTold(ctx)
		one.document(t, "")
		rows.set(func(tb *table) { tb.down = true })
		time.Sleep(2 * time.Minute)
		if d := one.document(t, ""); d.Fleet.AgeMS != 120_000 || len(d.Fleet.Instances) != 2 {
			t.Errorf("after two minutes: %+v", d.Fleet)
		}
		time.Sleep(10 * time.Minute)
		if d := one.document(t, ""); d.Fleet.AgeMS != 720_000 || len(d.Fleet.Instances) != 1 || d.Answers.OK != 0 {
			t.Errorf("after twelve: %+v, %d calls", d.Fleet, d.Answers.OK)
		}
	})
}

func TestFleet_ARowThatIsRefusedIsTriedOnceAStep(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		rows.down = true
		i := newInstance(ctx, "i", rows)
		for range 600 {
			i.call("gpt", "west", time.Second)
			time.Sleep(time.Second)
		}
		if n := rows.seen().writes; n < 39 || n > 42 {
			t.Errorf("%d writes in 10 minutes", n)
		}
	})
}

func TestReport_OfTheMostBackendsFits(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		var backends []*backend.Backend
		for n := range 64 {
			backends = append(backends, at(fmt.Sprintf("%s-%02d", strings.Repeat("b", 20), n), 1, 1))
		}
		rows := newTable()
		i, other := newInstance(ctx, "i", rows, backends...), newInstance(ctx, "other", rows, backends...)
		for range 20 {
			for n, b := range backends {
				for busy := range 20 {
					i.call("gpt", b.Name, time.Duration(1+n*busy*20)*time.Millisecond)
				}
				i.call("small", backends[0].Name, time.Second)
			}
			time.Sleep(15 * time.Second)
		}
		time.Sleep(15 * time.Second)
		d := other.document(t, "")
		size := rows.size("i")
		t.Logf("%d bytes, %d deployments", size, d.Page.Count)
		if size > 30<<10 || len(d.Fleet.Instances) != 2 || d.Backends[63].Total.Served != 400 || d.Page.Count == 0 {
			t.Errorf("%d bytes, %d instances, %d deployments, the last backend %+v", size, len(d.Fleet.Instances), d.Page.Count, d.Backends[63].Total)
		}
	})
}

func TestFleet_ManyInstancesAreCountedAndFiftyNamed(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		for n := range 70 {
			newInstance(ctx, fmt.Sprint("instance", n), rows).call("gpt", "west", time.Second)
		}
		time.Sleep(3 * time.Second)
		d := newInstance(ctx, "viewer", rows).document(t, "")
		if len(d.Fleet.Instances) != 50 || d.Fleet.More != 21 || d.Answers.OK != 70 {
			t.Errorf("%d named, %d more, %d calls", len(d.Fleet.Instances), d.Fleet.More, d.Answers.OK)
		}
	})
}

func TestFleet_WithoutATableAnInstanceIsAlone(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		d := newInstance(ctx, "i", nil).document(t, "scope=fleet")
		if d.Fleet.State != "alone" || d.Scope != "instance" || d.Counter.State != "memory" || len(d.Fleet.Instances) != 1 {
			t.Errorf("%+v", d)
		}
	})
}

func TestReport_ARowNeverExceeds32KiBAndHoldsTheBusiest(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		rows := newTable()
		i, other := newInstance(ctx, "i", rows), newInstance(ctx, "other", rows)
		for range 20 {
			for n := range 100 {
				for busy := range 1 + n/10 {
					i.call(fmt.Sprintf("%s-%03d", strings.Repeat("long", 14), n), "west", time.Duration(n*busy)*time.Millisecond)
				}
			}
			time.Sleep(15 * time.Second)
		}
		size := rows.size("i")
		d := other.document(t, "")
		t.Logf("%d bytes, %d deployments", size, d.Page.Count)
		if size > 32<<10 || d.Page.Count < 5 || d.Page.Count > 20 || !strings.HasSuffix(d.Deployments[0].Name, "-090") {
			t.Errorf("%d bytes, %d deployments, the first %q", size, d.Page.Count, d.Deployments[0].Name)
		}
		if want := i.document(t, "scope=instance").Answers.OK; d.Answers.OK < want-1000 {
			t.Errorf("it tells of %d calls of %d", d.Answers.OK, want)
		}
	})
}

func FuzzReport_WhateverARowHoldsThePageStands(f *testing.F) {
	f.Add([]byte(`{"started":"2026-01-02T03:04:05Z","answers":{"t":[1,2],"r":[1],"l":[[3,1],[99,1]],"h":[[0,1,2,3],[77,1,1,1]]},"backends":{"west":{"t":[1]},"x":{}},` +
		`"deployments":[{"name":"gpt","answers":{"t":[1]},"backends":{"west":{"t":[1,1],"r":[1,1],"l":[[3,1]]}}}]}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"deployments":[{"name":"` + strings.Repeat("x", 1000) + `"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		rows := newTable()
		_ = rows.SetReport(ctx, "other", text)
		i := newInstance(ctx, "i", rows)
		i.answer("gpt", 200, telemetry.Attempt{Backend: "west", Outcome: "ok"})
		var d status.Document
		for _, d.Scope = range []string{"fleet", "instance"} {
			i.document(t, "scope="+d.Scope)
		}
	})
}

func FuzzQuery_NeverPanics(f *testing.F) {
	f.Add("scope=fleet&offset=1&limit=2&q=x")
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' || r == '%' }) {
			t.Skip("no query of a request line")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		newInstance(ctx, "i", nil).document(t, query)
	})
}
