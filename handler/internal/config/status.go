package config

import (
	"fmt"
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP statuses from 400 to 599. The zero value is empty.
type StatusSet [4]uint64

// Has reports whether status is in the set.
func (s StatusSet) Has(status int) bool {
	i := status - 400
	return i >= 0 && i < 200 && s[i/64]&(1<<(i%64)) != 0
}

func (s *StatusSet) add(status int) {
	i := status - 400
	s[i/64] |= 1 << (i % 64)
}

func (r *reader) statusSet(name string) StatusSet {
	s, err := ParseStatusSet(r.get(name))
	if err != nil {
		r.problem(name, "%v", err)
	}
	return s
}

// ParseStatusSet reads statuses and ranges separated by commas, as in "408,429,500-599".
func ParseStatusSet(text string) (StatusSet, error) {
	var s StatusSet
	for part := range strings.SplitSeq(text, ",") {
		first, last, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return StatusSet{}, err
		}
		for status := first; status <= last; status++ {
			s.add(status)
		}
	}
	return s, nil
}

func parseRange(part string) (first, last int, err error) {
	low, high, isRange := strings.Cut(part, "-")
	if !isRange {
		high = low
	}
	first, errLow := strconv.Atoi(strings.TrimSpace(low))
	last, errHigh := strconv.Atoi(strings.TrimSpace(high))
	if errLow != nil || errHigh != nil || first < 400 || last > 599 || first > last {
		return 0, 0, fmt.Errorf(`%q is not a status or a range of statuses within 400-599, as in "429" or "500-599"`, part)
	}
	return first, last, nil
}
