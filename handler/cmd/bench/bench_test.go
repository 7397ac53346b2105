package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets this program play the parts that the benchmark starts.
func TestMain(m *testing.M) {
	if code, ok := play(context.Background()); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// Load and backend agree about every answer without a word: each is checked to the byte.
func TestLoads_AreAnsweredWhole(t *testing.T) {
	server := httptest.NewServer(newDeployments())
	defer server.Close()
	backends := &target{name: nameDirect, addresses: []string{address(server.URL)}}
	for _, l := range []load{chat(kilobyte), chat(megabyte), stream(1), stream(50), embeddings(), chat(kilobyte).over(3)} {
		r, err := backends.run(t.Context(), l, 2, time.Millisecond, nil)
		if err != nil || len(r.took) == 0 || r.p50() <= 0 || r.p99() < r.p50() {
			t.Errorf("%s: %d calls, p50 %v, p99 %v: %v", l.name, len(r.took), r.p50(), r.p99(), err)
		}
	}
	wrong := chat(kilobyte)
	wrong.answer++
	if _, err := backends.run(t.Context(), wrong, 1, time.Millisecond, nil); err == nil {
		t.Error("an answer of another length is taken for the right one")
	}
}

func TestLoads_BodiesAreAsLongAsTheirName(t *testing.T) {
	for _, size := range []int{kilobyte, 100 * kilobyte, 50 * megabyte} {
		if got := len(chat(size).body); got != size {
			t.Errorf("%d bytes, want %d", got, size)
		}
	}
	if n := len(completion()); n < 1000 || n > 1<<10 {
		t.Errorf("a completion of %d bytes", n)
	}
}

func TestTree_FindsThisProcess(t *testing.T) {
	own := os.Getpid()
	found := tree(own)
	if len(found) == 0 {
		t.Skip("SKIPPED, NOT TESTED: there is no /proc")
	}
	if found[0] != own || processorTime(found) <= 0 || memoryOf(found).resident < megabyte {
		t.Errorf("%v, %v, %+v", found, processorTime(found), memoryOf(found))
	}
}

// shortPlan measures everything, and nothing well.
func shortPlan() plan {
	return plan{
		loads: []load{chat(kilobyte), stream(50)}, connections: []int{1, 32}, rounds: 1, lasting: 20 * time.Millisecond,
		growthRounds: 1, growing: 20 * time.Millisecond, bodies: []int{kilobyte}, files: []int{2 * megabyte}, events: []int{10},
		names: []int{10, 20}, uploads: 2,
		delays: []time.Duration{50 * time.Millisecond}, counting: 50 * time.Millisecond,
		starts: 1, calls: 320, streams: 20,
	}
}

func TestBench_MeasuresWhatIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, NOT TESTED: it starts everything")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	var stdout bytes.Buffer
	if err := run(ctx, options{plan: shortPlan(), out: dir}, &stdout, t.Output()); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	if err != nil || string(page) != stdout.String() {
		t.Errorf("what is written is not what is printed: %v", err)
	}
	for _, want := range []string{nameMemory, "## How cost grows", "## Start", "## Targets", "20 idle streams", "Linux"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the page does not say %q:\n%s", want, &stdout)
		}
	}
	if strings.Contains(stdout.String(), "NaN") {
		t.Errorf("a number is missing:\n%s", &stdout)
	}
	if picture, err := os.ReadFile(filepath.Join(dir, "benchmarks.svg")); err != nil || !bytes.HasPrefix(picture, []byte("<svg ")) {
		t.Errorf("the plot: %.20s, %v", picture, err)
	}
}
