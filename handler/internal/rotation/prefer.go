package rotation

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// Prefer returns the member that a key goes to among candidates, within the first tier that has any. Every process with
// the same members gives the same answer, without a turn: by rendezvous hashing, so that a member that is out leaves the
// keys of all others where they are. Of many keys, each member gets the share that its weight says.
func (r *Rotation) Prefer(key string, candidates uint64) (i int, ok bool) {
	for i := range r.tiers {
		t := &r.tiers[i]
		if ready := t.members & candidates; ready != 0 {
			return t.prefer(r.names, key, ready), true
		}
	}
	return 0, false
}

func (t *tier) prefer(names []string, key string, candidates uint64) int {
	best, least := 0, math.Inf(1)
	for m := candidates; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		if d := distance(names[i], key) / float64(t.slots[i]); d < least {
			best, least = i, d
		}
	}
	return best
}

// distance is exponentially distributed over the keys. The least of several such, each divided by a weight, falls to
// each with its weight's probability.
func distance(name, key string) float64 {
	sum := sha256.Sum256([]byte(name + "\x00" + key))
	uniform := (float64(binary.BigEndian.Uint64(sum[:8])>>11) + 0.5) / (1 << 53)
	return -math.Log(uniform)
}
