package main

// turns is a set of turns, which mostly follow one another: a bit for each, in pages.
type turns map[page]*[turnsInPage / 64]uint64

const turnsInPage = 4096

type page struct {
	deployment string
	number     uint64
}

// add reports whether the turn is new.
func (t turns) add(deployment string, turn uint64) bool {
	at := page{deployment, turn / turnsInPage}
	bits := t[at]
	if bits == nil {
		bits = new([turnsInPage / 64]uint64)
		t[at] = bits
	}
	word, bit := &bits[turn%turnsInPage/64], uint64(1)<<(turn%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
