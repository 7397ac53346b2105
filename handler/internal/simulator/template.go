package simulator

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
)

// template is a prebuilt text with places for what differs between two answers
// of one shape. Rendering only copies, which is what makes the simulator cheap
// enough to measure others with.
type template struct {
	pieces []string // one more than places
	places []byte
}

// values fill the places of a template.
type values struct {
	unique   string // {unique}: of this answer, in ids
	created  int64  // {created}: Unix seconds
	input    int    // {input}: prompt tokens; {total} is the sum
	output   int    // {output}: answer tokens
	previous string // {previous}: JSON, an id in quotes or null
	store    bool   // {store}
}

// The places as bytes that JSON text cannot contain, so that no caller's model
// name is ever taken for one.
const (
	placeUnique = iota + 1
	placeCreated
	placeInput
	placeOutput
	placeTotal
	placePrevious
	placeStore
	placesEnd
)

// pair is a place in braces and the JSON that fills it in all answers alike.
type pair struct{ place, json string }

// newTemplate builds a template from text with places in braces.
func newTemplate(text string, fixed ...pair) template {
	pairs := []string{
		"{unique}", string(rune(placeUnique)), "{created}", string(rune(placeCreated)),
		"{input}", string(rune(placeInput)), "{output}", string(rune(placeOutput)),
		"{total}", string(rune(placeTotal)), "{previous}", string(rune(placePrevious)),
		"{store}", string(rune(placeStore)),
	}
	for _, f := range fixed {
		pairs = append(pairs, f.place, f.json)
	}
	var t template
	rest := strings.NewReplacer(pairs...).Replace(text)
	for {
		i := strings.IndexFunc(rest, func(r rune) bool { return r > 0 && r < placesEnd })
		if i < 0 {
			t.pieces = append(t.pieces, rest)
			return t
		}
		t.pieces = append(t.pieces, rest[:i])
		t.places = append(t.places, rest[i])
		rest = rest[i+1:]
	}
}

// jsonText is a value as JSON.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(text)
}

func (t *template) appendTo(dst []byte, v *values) []byte {
	for i, place := range t.places {
		dst = append(dst, t.pieces[i]...)
		dst = v.appendTo(dst, place)
	}
	return append(dst, t.pieces[len(t.places)]...)
}

func (v *values) appendTo(dst []byte, place byte) []byte {
	switch place {
	case placeUnique:
		return append(dst, v.unique...)
	case placeCreated:
		return strconv.AppendInt(dst, v.created, 10)
	case placeInput:
		return strconv.AppendInt(dst, int64(v.input), 10)
	case placeOutput:
		return strconv.AppendInt(dst, int64(v.output), 10)
	case placeTotal:
		return strconv.AppendInt(dst, int64(v.input+v.output), 10)
	case placePrevious:
		return append(dst, v.previous...)
	default:
		return strconv.AppendBool(dst, v.store)
	}
}

// shape is one kind of answer, prebuilt: as one JSON document and as events.
type shape struct {
	plain  template
	events []template
}

// shapeKey is all that the fixed text of an answer depends on.
type shapeKey struct {
	operation string
	model     string
	words     int
	cut       bool // the caller's token limit ended the answer
	usage     bool // the stream reports usage
	reasoning bool // a reasoning item comes first
}

// maxShapes bounds the shapes kept: with any deployment name accepted, a caller
// could ask for endlessly many.
const maxShapes = 256

// shapes keeps what was built. Safe for concurrent use.
type shapes struct {
	mu    sync.RWMutex
	built map[shapeKey]*shape
}

func (s *shapes) get(key shapeKey, build func(shapeKey) *shape) *shape {
	s.mu.RLock()
	found := s.built[key]
	s.mu.RUnlock()
	if found != nil {
		return found
	}
	found = build(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.built == nil || len(s.built) >= maxShapes {
		s.built = make(map[shapeKey]*shape)
	}
	s.built[key] = found
	return found
}
