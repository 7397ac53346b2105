package rotation_test

import (
	"math"
	"strconv"
	"testing"

	"aoai-balancer/handler/internal/rotation"
)

const keys = 20_000

// keyShares counts what each member gets of many keys.
func keyShares(t *testing.T, r *rotation.Rotation, candidates uint64) (counts [64]int) {
	t.Helper()
	for k := range keys {
		i, ok := r.Prefer("caller-"+strconv.Itoa(k), candidates)
		if !ok {
			t.Fatal("nobody is preferred")
		}
		counts[i]++
	}
	return counts
}

func wantShare(t *testing.T, name string, got int, want float64) {
	t.Helper()
	if math.Abs(float64(got)/keys-want) > 0.015 {
		t.Errorf("%s has %.3f of the keys, want %.3f", name, float64(got)/keys, want)
	}
}

func TestPrefer_SharesFollowWeightsWithinTheFirstTier(t *testing.T) {
	r := rotation.New([]rotation.Member{
		{Name: "a", Weight: 3, Priority: 1}, {Name: "b", Weight: 1, Priority: 1}, {Name: "drained", Priority: 1}, {Name: "c", Weight: 9, Priority: 2},
	})
	got := keyShares(t, r, 0b1111)
	wantShare(t, "a", got[0], 0.75)
	wantShare(t, "b", got[1], 0.25)
	if got[2]+got[3] != 0 {
		t.Errorf("the drained one has %d keys, the lower tier %d", got[2], got[3])
	}
	if got := keyShares(t, r, 0b1100); got[3] != keys {
		t.Errorf("the lower tier alone has %d of %d keys", got[3], keys)
	}
	if _, ok := r.Prefer("x", 0b0100); ok {
		t.Error("the drained one is preferred")
	}
}

func TestPrefer_OneThatIsOutLeavesTheKeysOfTheOthersWhereTheyAre(t *testing.T) {
	members := []rotation.Member{{Name: "a", Weight: 1, Priority: 1}, {Name: "b", Weight: 1, Priority: 1}, {Name: "c", Weight: 1, Priority: 1}}
	r := rotation.New(members)
	moved := [3]int{}
	for k := range keys {
		key := strconv.Itoa(k)
		all, _ := r.Prefer(key, 0b111)
		without, _ := r.Prefer(key, 0b110)
		if all != 0 && all != without {
			t.Fatalf("key %s moved from %d to %d", key, all, without)
		}
		if all == 0 {
			moved[without]++
		}
	}
	wantShare(t, "b, of a's keys,", moved[1], 1.0/6)
	wantShare(t, "c, of a's keys,", moved[2], 1.0/6)
}

func TestPrefer_DoesNotDependOnTheOrderOfConfiguration(t *testing.T) {
	a, b, c := rotation.Member{Name: "a", Weight: 2, Priority: 1}, rotation.Member{Name: "b", Weight: 1, Priority: 1}, rotation.Member{Name: "c", Weight: 1, Priority: 1}
	one, other := rotation.New([]rotation.Member{a, b, c}), rotation.New([]rotation.Member{c, b, a})
	for k := range 1000 {
		i, _ := one.Prefer(strconv.Itoa(k), 0b111)
		if j, _ := other.Prefer(strconv.Itoa(k), 0b111); j != 2-i {
			t.Fatalf("key %d goes to %d and to %d", k, i, j)
		}
	}
}
