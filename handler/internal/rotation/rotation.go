// Package rotation decides which backend a turn starts at and hands out the turns.
package rotation

import (
	"math/bits"
	"slices"
)

const (
	// maxMembers is what fits the bit set that Pick takes.
	maxMembers = 64
	maxWeight  = 100
)

// Member is one backend's place in the rotation.
type Member struct {
	// Name tells members apart for Prefer.
	Name string
	// Weight is the share of its tier's turns, 0 to 100. 0 means drained: never picked.
	Weight int
	// Priority names the tier, from 1. A higher number is used only while nothing of a lower one can be tried.
	Priority int
}

// Rotation is the order in which backends are tried. It never changes and is safe for concurrent use.
type Rotation struct {
	names []string
	tiers []tier // by ascending priority; each has at least one member with a weight
}

// tier is a set of members of one priority and the weighted cycle they share.
type tier struct {
	members uint64 // bit set of those with a weight
	slots   [maxMembers]uint8
	cycle   []uint8 // which member each slot belongs to
}

// New builds the rotation of members, which Pick then names by their index.
//
// There may be at most 64 members with weights from 0 to 100. The settings are checked before they come here, so New
// does not report what exceeds that: members beyond the 64th are never picked, weights are brought into range.
func New(members []Member) *Rotation {
	members = members[:min(len(members), maxMembers)]
	byPriority := map[int]uint64{}
	for i, m := range members {
		if m.Weight > 0 {
			byPriority[m.Priority] |= 1 << i
		}
	}
	priorities := make([]int, 0, len(byPriority))
	for p := range byPriority {
		priorities = append(priorities, p)
	}
	slices.Sort(priorities)
	r := &Rotation{tiers: make([]tier, 0, len(priorities))}
	for _, m := range members {
		r.names = append(r.names, m.Name)
	}
	for _, p := range priorities {
		r.tiers = append(r.tiers, newTier(members, byPriority[p]))
	}
	return r
}

// newTier lays out one tier's cycle; set names its members.
func newTier(members []Member, set uint64) tier {
	t := tier{members: set}
	divisor := 0
	for m := set; m != 0; m &= m - 1 {
		divisor = gcd(min(members[bits.TrailingZeros64(m)].Weight, maxWeight), divisor)
	}
	length := 0
	for m := set; m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		t.slots[i] = uint8(min(members[i].Weight, maxWeight) / divisor)
		length += int(t.slots[i])
	}
	t.cycle = smooth(t.slots, set, length)
	return t
}

// smooth spreads every member's slots evenly over a cycle: in each slot every member gains its weight, the one with the
// most takes the slot and pays the whole length for it. (nginx orders weighted upstreams by the same rule.)
func smooth(slots [maxMembers]uint8, set uint64, length int) []uint8 {
	cycle := make([]uint8, length)
	var credit [maxMembers]int
	for slot := range cycle {
		best := -1
		for m := set; m != 0; m &= m - 1 {
			i := bits.TrailingZeros64(m)
			credit[i] += int(slots[i])
			if best < 0 || credit[i] > credit[best] {
				best = i
			}
		}
		credit[best] -= length
		cycle[slot] = uint8(best)
	}
	return cycle
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Members is the bit set of those that Pick can give: with a weight.
func (r *Rotation) Members() uint64 {
	var all uint64
	for i := range r.tiers {
		all |= r.tiers[i].members
	}
	return all
}

// Cycle is the length of the first tier's weighted cycle, at least 1. A new counter row starts at a multiple of it.
func (r *Rotation) Cycle() uint64 {
	if len(r.tiers) == 0 {
		return 1
	}
	return uint64(len(r.tiers[0].cycle))
}

// Pick returns the member that turn goes to among candidates, where bit i stands for member i. ok is false when no
// candidate has a weight.
//
// The turn's slot in the weighted cycle decides while its member is a candidate, so whole cycles give exact shares. The
// turns of a member that is out spread over the candidates of its tier by their weights. To try again elsewhere, call
// Pick with the same turn and without the member that failed.
func (r *Rotation) Pick(turn, candidates uint64) (i int, ok bool) {
	for i := range r.tiers {
		t := &r.tiers[i]
		if ready := t.members & candidates; ready != 0 {
			return t.pick(turn, ready), true
		}
	}
	return 0, false
}

func (t *tier) pick(turn, candidates uint64) int {
	length := uint64(len(t.cycle))
	slot := turn % length
	if m := t.cycle[slot]; candidates>>m&1 == 1 {
		return int(m)
	}
	// The turn read as a mixed-radix number: its lowest digit named the slot above, the next one names a slot among those
	// of the candidates. So what falls on members that are out walks through the others, one cycle after the other.
	skip := turn / length % t.ready(candidates)
	for _, m := range t.cycle {
		if candidates>>m&1 == 0 {
			continue
		}
		if skip == 0 {
			return int(m)
		}
		skip--
	}
	return 0 // not reached: ready counts the slots passed above
}

// ready counts the slots of the cycle that belong to candidates.
func (t *tier) ready(candidates uint64) uint64 {
	n := uint64(0)
	for m := candidates; m != 0; m &= m - 1 {
		n += uint64(t.slots[bits.TrailingZeros64(m)])
	}
	return n
}
