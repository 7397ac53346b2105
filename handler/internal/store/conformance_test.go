package store_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/store"
)

// Every kind of store must behave as this suite says. open returns a store without rows.
func testCounter(t *testing.T, open func(t *testing.T) rotation.Counter) {
	for name, test := range map[string]func(*testing.T, rotation.Counter){
		"NewRowBeginsAtStart":          testNewRow,
		"RowsDoNotMeet":                testRowsDoNotMeet,
		"BigNumbersSurvive":            testBigNumbers,
		"LastNumberIsNotPassed":        testLastNumber,
		"ConcurrentClaimsNeverOverlap": testConcurrentClaims,
		"AnyNameIsAKey":                testAnyName,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func TestMemory_Conforms(t *testing.T) {
	testCounter(t, func(*testing.T) rotation.Counter { return new(store.Memory) })
}

// claim fails the test where storage fails, and tries again where another was faster.
func claim(t *testing.T, counter rotation.Counter, deployment string, count, start uint64) uint64 {
	t.Helper()
	for {
		first, err := counter.Claim(t.Context(), rotation.Claim{Deployment: deployment, Count: count, Start: start})
		switch {
		case errors.Is(err, rotation.ErrConflict):
		case err != nil:
			t.Fatalf("claim: %v", err)
		default:
			return first
		}
	}
}

func wantTurn(t *testing.T, got, want uint64) {
	t.Helper()
	if got != want {
		t.Errorf("claimed from %d, want %d", got, want)
	}
}

func testNewRow(t *testing.T, c rotation.Counter) {
	wantTurn(t, claim(t, c, "chat", 3, 1000), 1000)
	wantTurn(t, claim(t, c, "chat", 1, 5000), 1003)
	wantTurn(t, claim(t, c, "chat", 100_000, 0), 1004)
	wantTurn(t, claim(t, c, "chat", 1, 0), 101_004)
}

func testRowsDoNotMeet(t *testing.T, c rotation.Counter) {
	for i, name := range []string{"chat", "Chat", "*", "chat.", "CHAT"} {
		wantTurn(t, claim(t, c, name, 1, uint64(i)), uint64(i))
	}
	wantTurn(t, claim(t, c, "chat", 1, 99), 1)
}

// A JSON number would lose the last bits from 2^53 on.
func testBigNumbers(t *testing.T, c rotation.Counter) {
	const start = 1<<53 + 1
	wantTurn(t, claim(t, c, "chat", 2, start), start)
	wantTurn(t, claim(t, c, "chat", 2, 0), start+2)
	wantTurn(t, claim(t, c, "chat", 1, 0), start+4)
}

func testLastNumber(t *testing.T, c rotation.Counter) {
	wantTurn(t, claim(t, c, "chat", 5, math.MaxInt64-6), math.MaxInt64-6)
	for _, request := range []rotation.Claim{
		{Deployment: "chat", Count: 2}, {Deployment: "chat", Count: math.MaxUint64}, {Deployment: "new", Count: 1, Start: math.MaxUint64},
	} {
		if first, err := c.Claim(t.Context(), request); err == nil || errors.Is(err, rotation.ErrConflict) {
			t.Errorf("%+v gave %d, %v, want an error", request, first, err)
		}
	}
	wantTurn(t, claim(t, c, "chat", 1, 0), math.MaxInt64-1)
}

// block is the turns of one claim.
type block struct{ first, count uint64 }

func testConcurrentClaims(t *testing.T, c rotation.Counter) {
	checkBlocks(t, claimAtOnce(t, []rotation.Counter{c}))
}

// claimAtOnce lets eight goroutines on the counters claim blocks of all sizes for one deployment.
func claimAtOnce(t *testing.T, counters []rotation.Counter) []block {
	t.Helper()
	var mu sync.Mutex
	var blocks []block
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				count := uint64(1 + (g+i)%7)
				first, err := claimPatiently(t.Context(), counters[g%len(counters)], count)
				if err != nil {
					t.Errorf("claim: %v", err)
					return
				}
				mu.Lock()
				blocks = append(blocks, block{first, count})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return blocks
}

func claimPatiently(ctx context.Context, c rotation.Counter, count uint64) (uint64, error) {
	for {
		first, err := c.Claim(ctx, rotation.Claim{Deployment: "chat", Count: count, Start: 1 << 50})
		if !errors.Is(err, rotation.ErrConflict) {
			return first, err
		}
	}
}

// checkBlocks wants every turn from the first on exactly once.
func checkBlocks(t *testing.T, blocks []block) {
	t.Helper()
	slices.SortFunc(blocks, func(a, b block) int { return int(int64(a.first) - int64(b.first)) })
	next := uint64(1 << 50)
	for _, b := range blocks {
		if b.first != next {
			t.Fatalf("a claim begins at %d, want %d", b.first, next)
		}
		next += b.count
	}
}

func testAnyName(t *testing.T, c rotation.Counter) {
	long := string(make([]byte, 3000))
	for i, name := range []string{"", "~", "/", "a/b", `\`, "#?%&+ '\"", "é漢\xff", "\x00\n\x7f", long, long + "x", "..", "a'b", "$metadata"} {
		wantTurn(t, claim(t, c, name, 1, uint64(i)), uint64(i))
		wantTurn(t, claim(t, c, name, 1, 77), uint64(i)+1)
	}
}
