package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// example is a series of three targets, of which nginx was not measured.
func example() *series {
	product := &target{name: nameTable, pids: []int{1}}
	return &series{
		load: chat(kilobyte), connections: 1, targets: []*target{{name: nameDirect}, product},
		cells: map[string]*cell{
			nameDirect: {p50: []float64{40e3, 50e3}, p99: []float64{90e3, 90e3}, rate: []float64{20_000, 10_000}, calls: 1000},
			nameTable: {
				p50: []float64{140e3, 130e3}, p99: []float64{290e3, 290e3}, rate: []float64{10_000, 6_000}, calls: 2000,
				used: usage{cpu: 200 * time.Millisecond, allocations: 500_000}, memory: memory{resident: 20 * megabyte},
			},
		},
	}
}

func TestComparison_ARowShowsWhatIsAdded(t *testing.T) {
	s := example()
	want := []string{"1", nameTable, "135 µs", "90 µs", "200 µs", "8,000", "0.55", none, "0.100", "250,000", "20.0 MB"}
	if got := s.row(s.targets[1]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want = []string{"1", nameDirect, "45 µs", none, none, "15,000", "1.00", none, none, none, none}
	if got := s.row(s.targets[0]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlot_IsXMLWithABarForEachTarget(t *testing.T) {
	picture := plot([]*series{example(), {load: stream(50), connections: 8, targets: example().targets, cells: example().cells}})
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
	}
	const legend, panels, targets = 2, 2, 2
	if n := strings.Count(picture, "<rect "); n != legend+panels*targets {
		t.Errorf("%d boxes in\n%s", n, picture)
	}
	if strings.Contains(picture, "NaN") || strings.Contains(plot(nil), "NaN") {
		t.Error("a number is missing")
	}
}

func TestPlot_AxesEndAtRoundNumbers(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 1: 1, 1.1: 2, 20: 20, 21: 50, 7300: 10_000} {
		if got := roundUp(x); got != want {
			t.Errorf("%v becomes %v, want %v", x, got, want)
		}
	}
}

func TestVerdicts_SayByHowMuch(t *testing.T) {
	r := &report{comparison: []*series{example()}, sizes: &sizes{calls: 1000, after: memory{resident: 60 * megabyte}, streams: 10}}
	var text []string
	for _, v := range r.verdicts() {
		text = append(text, strings.Join(v.row(), " | "))
	}
	for _, want := range []string{
		"added p50 at 1 connection: chat, 1 KB | at most 100 µs | 90 µs | met | 90 % of it",
		"throughput of nginx's at 32 connections: chat, 1 KB | at least 0.50 | – | not measured | –",
		"resident after 1,000 requests | at most 30.0 MB | 60.0 MB | not met | 200 % of it",
	} {
		if !slices.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, strings.Join(text, "\n"))
		}
	}
}

func TestVerdicts_BehindTheHostSayWhatALogLineCosts(t *testing.T) {
	of := func(rates ...float64) *cell { return &cell{rate: rates} }
	r := &report{comparison: []*series{{load: chat(kilobyte), connections: 32, cells: map[string]*cell{
		nameHostedEmpty: of(100, 200, 100), nameHostedQuiet: of(72, 150, 72), nameHosted: of(69, 140, 69),
	}}}}
	const want = "throughput of the empty handler's behind the host at 32 connections: chat, 1 KB (without a log line a call: 0.72) | " +
		"at least 0.70 | 0.69 | not met | 99 % of it"
	for _, v := range r.verdicts() {
		if strings.Join(v.row(), " | ") == want {
			return
		}
	}
	t.Errorf("%q is not among %v", want, r.verdicts())
}

func TestPlan_LinesThatDecideGetMoreRounds(t *testing.T) {
	p := plan{rounds: 5}
	for _, row := range []struct {
		load        load
		connections int
		want        int
	}{
		{chat(kilobyte), 1, 15},
		{stream(50), 32, 15},
		{chat(kilobyte), 8, 5},
		{chat(100 * kilobyte), 32, 5},
	} {
		if got := p.roundsOf(row.load, row.connections); got != row.want {
			t.Errorf("%s, %d connections: %d rounds, want %d", row.load.name, row.connections, got, row.want)
		}
	}
}

func TestGrowth_VerdictTellsASlopeFromACurve(t *testing.T) {
	points := func(costs ...float64) []point {
		var all []point
		for i, cpu := range costs {
			units := []float64{1, 10, 100}[i]
			all = append(all, point{units: units, cpu: cpu})
		}
		return all
	}
	for _, row := range []struct {
		unit  string
		costs []float64
		want  string
	}{
		{"KB", []float64{100, 110, 900}, "no worse than linear (at most × 0.82)"},
		{"KB", []float64{100, 1000, 100_000}, "WORSE THAN LINEAR (at most × 10.00)"},
		{"", []float64{100, 90, 110}, "flat (at most × 1.10)"},
		{"", []float64{100, 120, 140}, "NOT FLAT (at most × 1.40)"},
	} {
		g := growth{unit: row.unit, points: points(row.costs...)}
		if got := g.verdict(); got != row.want {
			t.Errorf("%v: %q, want %q", row.costs, got, row.want)
		}
	}
}
