package rotation_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/rotation"
)

const all = ^uint64(0)

// equal returns n members of weight 1 in one tier.
func equal(n int) []rotation.Member {
	return weighted(slicesOf(1, n)...)
}

func weighted(weights ...int) []rotation.Member {
	members := make([]rotation.Member, len(weights))
	for i, w := range weights {
		members[i] = rotation.Member{Weight: w, Priority: 1}
	}
	return members
}

func slicesOf(v, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// without is the set of all members but those named.
func without(members ...int) uint64 {
	set := all
	for _, m := range members {
		set &^= 1 << m
	}
	return set
}

// shares counts where the turns [from, from+n) end when the members in failing never answer.
func shares(r *rotation.Rotation, from, n uint64, candidates uint64, failing ...int) map[int]int {
	count := map[int]int{}
	fails := ^without(failing...)
	for turn := from; turn < from+n; turn++ {
		left := candidates
		i, ok := r.Pick(turn, left)
		for ok && fails>>i&1 == 1 {
			left &^= 1 << i
			i, ok = r.Pick(turn, left)
		}
		if ok {
			count[i]++
		}
	}
	return count
}

func wantShares(t *testing.T, got map[int]int, want ...int) {
	t.Helper()
	for i, w := range want {
		if got[i] != w {
			t.Errorf("shares %v, want %v", got, want)
			return
		}
	}
}

func TestPick_EqualMembersShareWholeCyclesExactly(t *testing.T) {
	r := rotation.New(equal(3))
	wantShares(t, shares(r, 1_700_000_000_000_001, 300, all), 100, 100, 100)
	if r.Cycle() != 3 {
		t.Errorf("cycle %d, want 3", r.Cycle())
	}
}

func TestPick_WeightsAreExactAndSpreadOverTheCycle(t *testing.T) {
	r := rotation.New(weighted(75, 25))
	if r.Cycle() != 4 {
		t.Fatalf("cycle %d, want 75:25 reduced to 4", r.Cycle())
	}
	wantShares(t, shares(r, 7, 400, all), 300, 100)
	var order strings.Builder
	for turn := range uint64(7) {
		i, _ := rotation.New(weighted(5, 1, 1)).Pick(turn, all)
		fmt.Fprint(&order, i)
	}
	if order.String() != "0010200" {
		t.Errorf("5:1:1 is ordered %s, want 0010200", order.String())
	}
}

func TestPick_ShareOfOneThatIsOutSpreadsEvenly(t *testing.T) {
	r := rotation.New(equal(3))
	wantShares(t, shares(r, 0, 600, without(1)), 300, 0, 300)
	wantShares(t, shares(rotation.New(weighted(3, 2, 1)), 0, 6*3*40, without(0)), 0, 480, 240)
	wantShares(t, shares(rotation.New(equal(10)), 0, 10*5*10, without(0, 1, 2, 3, 4)), 0, 0, 0, 0, 0, 100, 100, 100, 100, 100)
}

func TestPick_RetriesOfAFailingMemberSpreadEvenly(t *testing.T) {
	wantShares(t, shares(rotation.New(equal(3)), 0, 600, all, 0), 0, 300, 300)
	wantShares(t, shares(rotation.New(equal(4)), 0, 1200, all, 2), 400, 400, 0, 400)
	wantShares(t, shares(rotation.New(weighted(2, 1, 1)), 0, 1200, all, 1), 800, 0, 400)
}

func TestPick_RetriesOfSeveralFailingMembersSpreadEvenly(t *testing.T) {
	for _, c := range []struct {
		weights []int
		failing []int
	}{
		{[]int{2, 2, 1, 1}, []int{0, 1}},
		{slicesOf(1, 5), []int{0, 1, 2}},
		{slicesOf(1, 6), []int{0, 2, 4}},
		{[]int{4, 2, 1, 1}, []int{0, 1}},
		{slicesOf(1, 8), []int{1, 2, 3, 4, 5, 6}},
	} {
		const turns = 1 << 13
		got := shares(rotation.New(weighted(c.weights...)), 1<<50+12345, turns, all, c.failing...)
		working := len(c.weights) - len(c.failing)
		for i, n := range got {
			if want := turns / working; n < want*96/100 || n > want*104/100 {
				t.Errorf("weights %v, failing %v: member %d got %d, want %d within 4 %%", c.weights, c.failing, i, n, want)
			}
		}
	}
}

func TestPick_LowerTierOnlyWhileNothingOfAHigherOneIsReady(t *testing.T) {
	r := rotation.New([]rotation.Member{{Weight: 1, Priority: 2}, {Weight: 1, Priority: 1}, {Weight: 1, Priority: 1}, {Weight: 3, Priority: 2}, {Weight: 1, Priority: 7}})
	wantShares(t, shares(r, 0, 100, all), 0, 50, 50, 0, 0)
	wantShares(t, shares(r, 0, 100, without(2)), 0, 100, 0, 0, 0)
	wantShares(t, shares(r, 0, 100, without(1, 2)), 25, 0, 0, 75, 0)
	wantShares(t, shares(r, 0, 100, all, 0, 1, 2, 3), 0, 0, 0, 0, 100)
	if r.Cycle() != 2 {
		t.Errorf("cycle %d, want the first tier's 2", r.Cycle())
	}
}

func TestPick_DrainedMemberIsNeverPicked(t *testing.T) {
	r := rotation.New([]rotation.Member{{Weight: 0, Priority: 1}, {Weight: 1, Priority: 2}, {Weight: 0, Priority: 2}})
	wantShares(t, shares(r, 0, 50, all), 0, 50, 0)
	if i, ok := r.Pick(9, without(1)); ok {
		t.Errorf("picked %d of drained members", i)
	}
	if r.Cycle() != 1 {
		t.Errorf("cycle %d, want 1: the tier that has weights", r.Cycle())
	}
}

func TestPick_NothingToPick(t *testing.T) {
	for name, r := range map[string]*rotation.Rotation{
		"no members": rotation.New(nil), "all drained": rotation.New(weighted(0, 0)),
	} {
		if _, ok := r.Pick(1, all); ok || r.Cycle() != 1 {
			t.Errorf("%s: picked, or cycle %d", name, r.Cycle())
		}
	}
	if _, ok := rotation.New(equal(2)).Pick(1, 0); ok {
		t.Error("picked without a candidate")
	}
}

func TestPick_SixtyFourMembersAndNoMore(t *testing.T) {
	r := rotation.New(equal(70))
	got := shares(r, 0, 6400, all)
	if r.Cycle() != 64 || len(got) != 64 {
		t.Fatalf("cycle %d over %d members, want 64", r.Cycle(), len(got))
	}
	wantShares(t, got, slicesOf(100, 64)...)
	heavy := rotation.New(weighted(append(slicesOf(1000, 63), 1)...))
	if want := uint64(63*100 + 1); heavy.Cycle() != want {
		t.Errorf("cycle %d, want %d: a weight counts as 100 at most", heavy.Cycle(), want)
	}
}

// Any fixed set of candidates shares by weight over cycle × filtered cycle turns.
func TestPick_AnySetOfCandidatesSharesByWeight(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		weights := make([]int, 2+rnd.IntN(6))
		for i := range weights {
			weights[i] = 1 + rnd.IntN(7)
		}
		candidates := 1 + rnd.Uint64N(1<<len(weights)-1)
		r := rotation.New(append(weighted(weights...), rotation.Member{Weight: 1, Priority: 2}))
		total := 0
		for i, w := range weights {
			total += w * int(candidates>>i&1)
		}
		turns := r.Cycle() * uint64(total) * 4
		got := shares(r, r.Cycle()*uint64(total)*rnd.Uint64N(1<<30), turns, candidates)
		for i, w := range weights {
			if want := int(turns) * w * int(candidates>>i&1) / total; got[i] != want {
				t.Fatalf("weights %v, candidates %b: %v, member %d wants %d", weights, candidates, got, i, want)
			}
		}
	}
}

func FuzzPick(f *testing.F) {
	f.Add([]byte{1, 1, 1, 1}, uint64(5), uint64(3))
	f.Add([]byte{0, 1, 100, 2}, uint64(1)<<63, uint64(1))
	f.Add([]byte{255, 0, 255, 9, 3, 1}, all, all)
	f.Fuzz(func(t *testing.T, spec []byte, turn, candidates uint64) {
		var members []rotation.Member
		for i := 0; i+1 < len(spec); i += 2 {
			members = append(members, rotation.Member{Weight: int(int8(spec[i])), Priority: int(spec[i+1]) % 4})
		}
		r := rotation.New(members)
		weightedSet, best := uint64(0), 99
		for i, m := range members[:min(len(members), 64)] {
			if m.Weight > 0 && candidates>>i&1 == 1 {
				weightedSet |= 1 << i
				best = min(best, m.Priority)
			}
		}
		i, ok := r.Pick(turn, candidates)
		if ok != (weightedSet != 0) {
			t.Fatalf("ok %v with candidates %b", ok, weightedSet)
		}
		if ok && (weightedSet>>i&1 == 0 || members[i].Priority != best) {
			t.Fatalf("picked %d of %d candidates, priority %d", i, bits.OnesCount64(weightedSet), members[i].Priority)
		}
		if r.Cycle() == 0 {
			t.Fatal("a cycle of length 0")
		}
	})
}

func TestPick_AllocatesNothing(t *testing.T) {
	r := rotation.New(weighted(5, 3, 2, 1))
	turn := uint64(1 << 50)
	if n := testing.AllocsPerRun(1000, func() {
		turn++
		r.Pick(turn, 0b1010)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPick(b *testing.B) {
	r := rotation.New(equal(3))
	for name, candidates := range map[string]uint64{"ready": all, "one out": without(1)} {
		b.Run(name, func(b *testing.B) {
			turn := uint64(1 << 50)
			for b.Loop() {
				turn++
				r.Pick(turn, candidates)
			}
		})
	}
}
