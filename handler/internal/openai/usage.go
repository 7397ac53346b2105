package openai

import (
	"bytes"
	"strconv"
)

// Usage is the tokens that an answer says it took.
type Usage struct {
	Told                     bool
	Input, Output, CacheRead int64 // where told: -1 for what is missing
}

const (
	usageName = `"usage"`
	// commonUsage is what a usage and the few bytes after it take; maxUsage bounds what is kept of an answer.
	commonUsage = 320
	maxUsage    = 2 << 10
)

// UsageReader reads an answer as it passes, a JSON text or a stream of events, and finds the last usage in it. It keeps
// nothing but that. A quote stands in JSON only where a string begins or ends, so what a prompt or a completion says is
// never mistaken for one. The zero value is ready. Not safe for concurrent use.
type UsageReader struct {
	awaits  awaited
	matched int    // bytes of the name that the last write ended in
	last    byte   // that passed
	found   bool   // an object began, and stands in kept
	kept    []byte // from there on
	settled Usage  // of the last one that told any
}

// awaited is what has to come next for a usage to begin.
type awaited int

const (
	awaitsName awaited = iota
	awaitsColon
	awaitsObject
)

// Write reads on. It never fails, and keeps no part of p.
func (u *UsageReader) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := 0
		switch u.awaits {
		case awaitsName:
			n = u.findName(rest)
		case awaitsColon:
			n = u.expect(':', rest)
		case awaitsObject:
			n = u.expect('{', rest)
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// pass takes n bytes of p.
func (u *UsageReader) pass(p []byte, n int) int {
	if n == 0 {
		return 0
	}
	u.last = p[n-1]
	if room := maxUsage - len(u.kept); u.found && room > 0 {
		u.kept = append(u.kept, p[:min(n, room)]...)
	}
	return n
}

// findName takes what comes before the end of the name, which may come in pieces.
func (u *UsageReader) findName(p []byte) int {
	if rest := usageName[u.matched:]; u.matched > 0 {
		n := min(len(p), len(rest))
		if string(p[:n]) == rest[:n] {
			if u.matched += n; n == len(rest) {
				u.matched, u.awaits = 0, awaitsColon
			}
			return u.pass(p, n)
		}
		u.matched = 0
	}
	i := bytes.Index(p, []byte(usageName))
	switch {
	case i < 0:
		u.matched = u.beginning(p)
		return u.pass(p, len(p))
	case u.escaped(p, i):
		return u.pass(p, i+1)
	}
	u.awaits = awaitsColon
	return u.pass(p, i+len(usageName))
}

// beginning is how many bytes of the name p ends in.
func (u *UsageReader) beginning(p []byte) int {
	for n := min(len(p), len(usageName)-1); n > 0; n-- {
		if i := len(p) - n; string(p[i:]) == usageName[:n] && !u.escaped(p, i) {
			return n
		}
	}
	return 0
}

// escaped: the quote at p[i] stands in a string.
func (u *UsageReader) escaped(p []byte, i int) bool {
	if i > 0 {
		return p[i-1] == '\\'
	}
	return u.last == '\\'
}

// expect takes white space and the byte that must follow it; what else follows, null among it, is no usage.
func (u *UsageReader) expect(want byte, p []byte) int {
	n := len(p) - len(bytes.TrimLeft(p, " \t\r\n"))
	switch {
	case n == len(p):
		return u.pass(p, n)
	case p[n] != want:
		u.awaits = awaitsName
		return u.pass(p, n)
	case want == ':':
		u.awaits = awaitsObject
		return u.pass(p, n+1)
	}
	u.settle()
	if u.kept == nil {
		u.kept = make([]byte, 0, commonUsage)
	}
	u.awaits, u.found, u.kept = awaitsName, true, append(u.kept[:0], '{')
	u.last = '{'
	return n + 1
}

// Usage is what the last usage that passed says.
func (u *UsageReader) Usage() Usage {
	u.settle()
	return u.settled
}

// settle reads what is kept. An object that is called so and tells no tokens, such as one of a caller's own in metadata,
// leaves what an earlier one told.
func (u *UsageReader) settle() {
	usage := Usage{Told: true, Input: -1, Output: -1, CacheRead: -1}
	if u.found && usage.read(u.kept) && (usage.Input >= 0 || usage.Output >= 0) {
		u.settled = usage
	}
	u.found = false
}

// read takes the counts out of the object that p begins with, and reports whether all of it is there.
func (u *Usage) read(p []byte) (whole bool) {
	var key []byte
	for i, depth := 0, 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '"':
			n := endOfString(p[i+1:])
			key = p[i+1 : i+1+n]
			i += n + 1
		case c == '-' || isDigit(c):
			from := i
			for i+1 < len(p) && isInNumber(p[i+1]) {
				i++
			}
			u.set(depth, key, p[from:i+1])
		case c == '{' || c == '[':
			depth, key = depth+1, nil
		case c == ',':
			key = nil
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}

// set notes a count under any of the names that the APIs have for it.
func (u *Usage) set(depth int, key, number []byte) {
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || n < 0 || n > mostCounted {
		return
	}
	switch name := string(key); {
	case depth == 1 && (name == "prompt_tokens" || name == "input_tokens"):
		u.Input = n
	case depth == 1 && (name == "completion_tokens" || name == "output_tokens"):
		u.Output = n
	case depth == 2 && name == "cached_tokens": // of prompt_tokens_details or input_tokens_details
		u.CacheRead = n
	}
}

// endOfString is the length of the string whose opening quote was taken; all of p where it does not end.
func endOfString(p []byte) int {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(p)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isInNumber(c byte) bool {
	return isDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}
