package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Bounds of what a scan keeps: names and ids are short, and no request nests deeper.
const (
	maxScannedText  = 512
	maxScannedDepth = 64
	scanBuffer      = 8 << 10
)

// Value is a string in a JSON text.
type Value struct {
	Depth    int    // 1: a member of the outermost object
	Key      string // the member that it is, or whose array it stands in; empty at the outermost
	In       string // the member that the object around it is, or in whose array that stands; empty at the outermost
	Within   int64  // where the object or array around it begins
	Text     string // decoded; empty where it is longer than any name or id
	From, To int64  // its bytes in the text, with the quotes
}

var errNotJSON = errors.New("not JSON")

// Scan reads a JSON text once, keeping almost nothing of it, and calls visit with each string value until visit
// returns false. Texts may follow one another, and what stands between them is passed over if it holds no quote and no
// bracket: so it reads a stream of events, too. It checks only as much of the syntax as it needs to find its way; its
// error says that it lost it, or is the reader's.
func Scan(r io.Reader, visit func(Value) (more bool)) error {
	s := scanner{in: bufio.NewReaderSize(r, scanBuffer), visit: visit}
	err := s.run()
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a scan whose visitor has found what it wanted.
var errEnough = errors.New("enough")

type scanner struct {
	in    *bufio.Reader
	at    int64 // bytes taken so far
	visit func(Value) bool
	open  []level
	key   string // the member whose value comes next
	keyed bool   // the next string of an object is a value
}

// level is an object or array that is open.
type level struct {
	array bool
	key   string // whose value it is
	from  int64
}

func (s *scanner) run() error {
	for {
		c, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) && len(s.open) == 0 {
			return nil
		}
		if err != nil {
			return unexpected(err)
		}
		s.at++
		if err := s.take(c); err != nil {
			return err
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *scanner) take(c byte) error {
	switch c {
	case '"':
		return s.text()
	case '{', '[':
		if len(s.open) == maxScannedDepth {
			return errNotJSON
		}
		s.open = append(s.open, level{array: c == '[', key: s.nextKey(), from: s.at - 1})
		s.keyed = false
	case '}', ']':
		if len(s.open) == 0 || s.inArray() != (c == ']') {
			return errNotJSON
		}
		s.open = s.open[:len(s.open)-1]
		s.keyed = false
		if len(s.open) == 0 {
			s.key = "" // another text may follow, as the events of a stream do
		}
	case ':':
		s.keyed = true
	case ',':
		s.keyed = false
	}
	return nil
}

func (s *scanner) inArray() bool { return len(s.open) > 0 && s.open[len(s.open)-1].array }

// nextKey is the key of the value that begins here: an array's elements have the array's.
func (s *scanner) nextKey() string {
	if s.inArray() {
		return s.open[len(s.open)-1].key
	}
	return s.key
}

// text reads a string whose opening quote was taken: a member's name, or a value to visit.
func (s *scanner) text() error {
	from := s.at - 1
	raw, err := s.quoted()
	if err != nil {
		return err
	}
	var text string
	if raw != nil && json.Unmarshal(raw, &text) != nil {
		return errNotJSON
	}
	if !s.inArray() && len(s.open) > 0 && !s.keyed {
		s.key = text
		return nil
	}
	v := Value{Depth: len(s.open), Key: s.nextKey(), Text: text, From: from, To: s.at}
	if len(s.open) > 0 {
		v.In, v.Within = s.open[len(s.open)-1].key, s.open[len(s.open)-1].from
	}
	if !s.visit(v) {
		return errEnough
	}
	return nil
}

// quoted takes the rest of a string and returns it with its quotes, or nil where it is long.
func (s *scanner) quoted() ([]byte, error) {
	raw := append(make([]byte, 0, 64), '"')
	for odd := false; ; {
		piece, err := s.in.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, unexpected(err)
		}
		s.at += int64(len(piece))
		if raw != nil && len(raw)+len(piece) <= maxScannedText {
			raw = append(raw, piece...)
		} else {
			raw = nil
		}
		quote := err == nil
		odd = endsInOddBackslashes(bytes.TrimSuffix(piece, []byte{'"'}), odd)
		if quote && !odd {
			return raw, nil
		}
		odd = odd && !quote // the quote was escaped
	}
}

// endsInOddBackslashes: what comes next is escaped. before says the same of what came before p.
func endsInOddBackslashes(p []byte, before bool) bool {
	run := len(p) - len(bytes.TrimRight(p, `\`))
	odd := run%2 == 1
	if run == len(p) {
		return odd != before
	}
	return odd
}
