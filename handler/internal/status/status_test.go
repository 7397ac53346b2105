package status_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/status"
	"aoai-balancer/handler/internal/telemetry"
)

func TestAnswers_EachEndIsCountedAsWhatTheCallerGot(t *testing.T) {
	for _, row := range []struct {
		name    string
		code    int
		outcome string
		want    status.Answers
	}{
		{"ok", 200, "", status.Answers{OK: 1}},
		{"rejected", 400, "", status.Answers{Rejected: 1}},
		{"throttled", 429, "", status.Answers{Throttled: 1}},
		{"failed", 502, "", status.Answers{Failed: 1}},
		{"a broken stream", 200, "stream_broken", status.Answers{Failed: 1}},
		{"the caller left", 499, "caller_left", status.Answers{Left: 1}},
	} {
		inBubble(t, func(ctx context.Context, t *testing.T) {
			i := newInstance(ctx, "i", nil)
			i.meter.Observe(&telemetry.Record{Deployment: "gpt", Outcome: row.outcome}, row.code, 0)
			d := i.document(t, "")
			if got := only(t, d); got.Answers != row.want || got.Recent != row.want || d.Answers != row.want || d.Recent != row.want {
				t.Errorf("%s: %+v", row.name, got)
			}
		})
	}
}

func TestFigures_EachOutcomeIsCountedAtItsBackend(t *testing.T) {
	for outcome, want := range map[string]status.Figures{
		"throttled":          {Attempts: 1, MovedOn: 1, Throttled: 1},
		"failed":             {Attempts: 1, MovedOn: 1, Failed: 1},
		"unreachable":        {Attempts: 1, MovedOn: 1, Failed: 1},
		"unauthorized":       {Attempts: 1, MovedOn: 1, Refused: 1},
		"no_credential":      {Attempts: 1, MovedOn: 1, Refused: 1},
		"deployment_missing": {Attempts: 1, MovedOn: 1, Missing: 1},
		"stale_connection":   {Attempts: 1, MovedOn: 1},
	} {
		inBubble(t, func(ctx context.Context, t *testing.T) {
			i := newInstance(ctx, "i", nil)
			record := &telemetry.Record{Deployment: "gpt", Usage: telemetry.Usage{Told: true, Input: 10, Output: 3, CacheRead: -1}, Attempts: []telemetry.Attempt{
				{Backend: "west", Outcome: outcome}, {Backend: "east", Outcome: "ok", Duration: 100 * time.Millisecond},
			}}
			i.meter.Observe(record, 200, 120*time.Millisecond)
			got := only(t, i.document(t, ""))
			west, east := got.Backends[0].Recent, got.Backends[1].Recent
			if west != want {
				t.Errorf("%s: %+v", outcome, west)
			}
			if east.Served != 1 || east.InputTokens != 10 || east.OutputTokens != 3 || east.MovedOn != 0 || got.Recent.Failovers != 1 {
				t.Errorf("%s: the other is %+v", outcome, east)
			}
		})
	}
}

func TestFigures_ARenewedCredentialIsNoMoveToAnotherBackend(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		i.answer("gpt", 200, telemetry.Attempt{Backend: "west", Outcome: "credential_renewed"}, telemetry.Attempt{Backend: "west", Outcome: "ok"})
		if d := only(t, i.document(t, "")); d.Recent.Failovers != 0 || d.Backends[0].Recent.MovedOn != 0 || d.Backends[0].Recent.Attempts != 2 {
			t.Errorf("%+v", d)
		}
	})
}

func TestFigures_AStreamThatBreaksIsTheBackendsFailure(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		for _, outcome := range []string{"stream_broken", "stream_idle"} {
			i.meter.Observe(&telemetry.Record{Deployment: "gpt", Outcome: outcome, Attempts: []telemetry.Attempt{{Backend: "west", Outcome: "ok"}}}, 200, time.Second)
		}
		if west := only(t, i.document(t, "")).Backends[0].Recent; west.Failed != 2 || west.Served != 2 {
			t.Errorf("%+v", west)
		}
	})
}

func TestCounter_SaysWhereTurnsComeFrom(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", newTable())
		for outage, want := range map[bool]string{false: "table shared 7 2", true: "table local 7 2"} {
			i.turns = rotation.Stats{TableTurns: 7, LocalTurns: 2, Outage: outage}
			if c := i.document(t, "").Counter; fmt.Sprint(c.Kind, " ", c.State, " ", c.TableTurns, " ", c.LocalTurns) != want {
				t.Errorf("with an outage %v: %+v", outage, c)
			}
		}
	})
}

func TestWindow_RecentFiguresAreThoseOfTheLastFiveMinutes(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		for minute := range 10 {
			i.call("gpt", "west", 40*time.Millisecond)
			i.call("gpt", "east", time.Duration(minute+1)*time.Second)
			time.Sleep(time.Minute)
		}
		got := only(t, i.document(t, "")).Backends[1]
		if got.Total.Served != 10 || got.Recent.Served < 4 || got.Recent.Served > 5 || got.Total.FirstByte != nil {
			t.Errorf("of 10 calls in 10 minutes %d are recent: %+v", got.Recent.Served, got)
		}
		if p95 := got.Recent.FirstByte.P95; p95 < 8500 || p95 > 11_500 {
			t.Errorf("p95 is %v ms after calls of up to 10 s", p95)
		}
		drawn := uint32(0)
		for _, n := range got.History.Served {
			drawn += n
		}
		if len(got.History.Served) != 20 || uint64(drawn) != got.Recent.Served {
			t.Errorf("the history is %v", got.History.Served)
		}
		time.Sleep(6 * time.Minute)
		if got := only(t, i.document(t, "")).Backends[1]; got.Recent != (status.Figures{}) || got.Total.Served != 10 || got.Share != nil || got.History != nil {
			t.Errorf("after a pause: %+v", got)
		}
	})
}

func TestLatency_IsExactToATenth(t *testing.T) {
	for _, d := range []time.Duration{3 * time.Millisecond, 80 * time.Millisecond, time.Second, 17 * time.Second, 150 * time.Second} {
		inBubble(t, func(ctx context.Context, t *testing.T) {
			i := newInstance(ctx, "i", nil)
			for n := range 100 {
				i.call("gpt", "west", d*time.Duration(50+n)/100)
			}
			got := only(t, i.document(t, "")).Backends[0].Recent.FirstByte
			for share, value := range map[float64]float64{0.995: got.P50, 1.445: got.P95} {
				want := share * float64(d.Microseconds()) / 1000
				if math.Abs(value-want) > want/10 {
					t.Errorf("of calls around %v one is %v ms, want %v", d, value, want)
				}
			}
		})
	}
}

func TestState_SaysWhatKeepsCallsFromABackendAndForHowLong(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil, at("a", 1, 1), at("b", 1, 1), at("c", 1, 1), at("d", 1, 0), at("e", 1, 1))
		begin := func(b int) *backend.Attempt {
			attempt, ok := i.health.Begin(b, "gpt")
			if !ok {
				t.Fatalf("backend %d is not ready", b)
			}
			return attempt
		}
		i.call("gpt", "a", time.Second)
		for range 3 {
			begin(4).Failed(0)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		begin(4) // the probe
		begin(1).Throttled(2500 * time.Millisecond)
		for range 3 {
			begin(2).Failed(0)
			time.Sleep(time.Millisecond)
		}
		want := []string{"ready  0", "cooling throttled 2497", "broken failed 9999", "drained  0", "probing failed 1000"}
		for n, b := range only(t, i.document(t, "")).Backends {
			if got := fmt.Sprintf("%s %s %d", b.State, b.Cause, b.RemainingMS); got != want[n] {
				t.Errorf("%s is %s, want %s", b.Name, got, want[n])
			}
		}
	})
}

func TestShare_IsThatOfTheAnswersAndTheIntendedOneThatOfTheWeights(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil, at("a", 1, 3), at("b", 1, 1), at("c", 2, 1), at("d", 1, 0))
		for range 4 {
			i.call("gpt", "a", time.Second)
		}
		i.call("gpt", "c", time.Second)
		want := [][2]float64{{0.75, 0.8}, {0.25, 0}, {0, 0.2}, {0, 0}}
		for n, b := range only(t, i.document(t, "")).Backends {
			if b.IntendedShare != want[n][0] || *b.Share != want[n][1] {
				t.Errorf("%s has %v, intended %v", b.Name, *b.Share, b.IntendedShare)
			}
		}
	})
}

func TestDeployments_ShowOnlyTheBackendsThatServeThem(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		mapped := at("mapped", 1, 1)
		mapped.Deployments = map[string]string{"gpt": "own"}
		i := newInstance(ctx, "i", nil, at("all", 1, 1), mapped)
		for deployment, want := range map[string]int{"gpt": 2, "embeddings": 1, "*": 2} {
			i.call(deployment, "all", time.Second)
			for _, d := range i.document(t, "").Deployments {
				if d.Name == deployment && len(d.Backends) != want {
					t.Errorf("%s is shown at %d backends", d.Name, len(d.Backends))
				}
			}
		}
	})
}

func TestHeadroom_IsWhatTheBackendSaidLast(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		said := telemetry.Headroom{Told: true, RemainingRequests: 5, RemainingTokens: 0, LimitRequests: -1, LimitTokens: 9000, Utilization: 42.5}
		i.answer("gpt", 200, telemetry.Attempt{Backend: "east", Outcome: "ok", Headroom: said})
		time.Sleep(3 * time.Second)
		i.call("gpt", "east", time.Second) // says nothing
		got := only(t, i.document(t, "")).Backends
		h := got[1].Headroom
		if got[0].Headroom != nil || h.AgeMS != 3000 || *h.RemainingRequests != 5 || *h.RemainingTokens != 0 || h.LimitRequests != nil ||
			*h.LimitTokens != 9000 || *h.UtilizationPercent != 42.5 {
			t.Errorf("%+v, %+v", got[0].Headroom, h)
		}
	})
}

func TestDocument_IsPagedTheBusiestFirst(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		for n := range 300 {
			for range 1 + n%7 {
				i.call(fmt.Sprintf("Gpt-%03d", n), "west", time.Second)
			}
		}
		for query, want := range map[string]string{
			"":                             "50 of 300 Gpt-006",
			"limit=3":                      "3 of 300 Gpt-006",
			"limit=9999":                   "200 of 300 Gpt-006",
			"limit=-1&offset=x":            "50 of 300 Gpt-006",
			"offset=299&limit=2":           "1 of 300 Gpt-294",
			"offset=9223372036854775807":   "0 of 300 ",
			"q=gpt-01&limit=200":           "10 of 10 Gpt-013",
			"q=nothing":                    "0 of 0 ",
			"q=" + strings.Repeat("é", 99): "0 of 0 ",
		} {
			d, first := i.document(t, query), ""
			if len(d.Deployments) > 0 {
				first = d.Deployments[0].Name
			}
			if got := fmt.Sprintf("%d of %d %s", len(d.Deployments), d.Page.Count, first); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
	})
}

func TestDocument_DeploymentsWithABackendThatIsOutComeFirst(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		for n := range 10 {
			for range n {
				i.call(fmt.Sprint("gpt", n), "west", time.Second)
			}
		}
		for deployment, end := range map[string]func(*backend.Attempt){
			"gpt3": func(a *backend.Attempt) { a.Throttled(time.Minute) },
			"gpt5": func(a *backend.Attempt) { a.Missing() },
		} {
			attempt, _ := i.health.Begin(0, deployment)
			end(attempt)
		}
		var names []string
		for _, d := range i.document(t, "limit=3").Deployments {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != "gpt3 gpt9 gpt8" {
			t.Errorf("the first are %s", got)
		}
	})
}

func TestMeter_NamesAreBoundedAndThoseOutOfUseMakeRoom(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		i := newInstance(ctx, "i", nil)
		for n := range 1500 {
			i.call(fmt.Sprint("name", n), "west", time.Second)
		}
		i.call("no deployment/can have it", "west", time.Second)
		d := i.document(t, "limit=1")
		if d.Page.Count != 1001 || d.Deployments[0].Name != "…" || d.Deployments[0].Answers.OK != 501 || d.Answers.OK != 1501 {
			t.Errorf("%d names, the busiest %+v", d.Page.Count, d.Deployments[0])
		}
		time.Sleep(20 * time.Minute)
		i.call("a new one", "west", time.Second)
		i.call("new", "west", time.Second)
		if d := i.document(t, "limit=1"); d.Deployments[0].Name != "new" && d.Deployments[0].Name != "…" || d.Page.Count != 2 || d.Answers.OK != 1503 {
			t.Errorf("after a pause %d names, the busiest %+v", d.Page.Count, d.Deployments[0])
		}
	})
}

func TestMeter_ManyBackendsLeaveRoomForFewerNames(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T) {
		var backends []*backend.Backend
		for n := range 64 {
			backends = append(backends, at(fmt.Sprint("b", n), 1, 1))
		}
		i := newInstance(ctx, "i", nil, backends...)
		for n := range 1000 {
			i.call(fmt.Sprint("name", n), "b63", time.Second)
		}
		if d := i.document(t, "limit=1"); d.Page.Count != 20_000/65+1 {
			t.Errorf("%d names", d.Page.Count)
		}
	})
}

func TestMeter_ACallCostsNoAllocation(t *testing.T) {
	m := status.NewMeter([]string{"west", "east"})
	record := &telemetry.Record{Deployment: "gpt", Attempts: []telemetry.Attempt{
		{Backend: "west", Outcome: "throttled"}, {Backend: "east", Outcome: "ok", Duration: time.Second, Headroom: telemetry.Headroom{Told: true}},
	}}
	if n := testing.AllocsPerRun(1000, func() { m.Observe(record, 200, time.Second) }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := status.NewMeter([]string{"west", "east"})
	record := &telemetry.Record{Deployment: "gpt", Attempts: []telemetry.Attempt{{Backend: "east", Outcome: "ok", Duration: time.Second}}}
	for b.Loop() {
		m.Observe(record, 200, time.Second)
	}
}
