package openai_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"aoai-balancer/handler/internal/openai"
)

// scanned lists what a scan visits, and checks that each value's place in the text is right.
func scanned(t *testing.T, text string) ([]string, error) {
	t.Helper()
	var all []string
	err := openai.Scan(iotest.HalfReader(strings.NewReader(text)), func(v openai.Value) bool {
		all = append(all, fmt.Sprintf("%d %s=%s", v.Depth, v.Key, v.Text))
		var there string
		if at := text[v.From:v.To]; json.Unmarshal([]byte(at), &there) != nil || (v.Text != "" && there != v.Text) {
			t.Errorf("%q is not at %q", v.Text, at)
		}
		return true
	})
	return all, err
}

func TestScan_VisitsEveryStringWithItsKeyAndPlace(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for text, want := range map[string][]string{
		`{"a":"1","b":["2","3",{"c":"4"}],"d":{"e":["5"]},"f":6,"g":null}`:         {"1 a=1", "2 b=2", "2 b=3", "3 c=4", "3 e=5"},
		` { "model" : "gpt\u002d5 \"x\" \\" } `:                                    {`1 model=gpt-5 "x" \`},
		`{"` + long + `":"` + long + `","` + strings.Repeat(`\\`, 9000) + `":"z"}`: {"1 =", "1 =z"},
		`"alone"`:                         {"0 =alone"},
		`{"a":"1","b":{"c":"2"},"d":"3"}`: {"1 a=1", "2 c=2", "1 d=3"},
		``:                                nil,
	} {
		if got, err := scanned(t, text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%.60s: %q, %v", text, got, err)
		}
	}
}

func TestScan_TellsWhereAStringStandsAlsoInTextsThatFollowOneAnother(t *testing.T) {
	const text = "data: {\"id\":\"1\",\"items\":[{\"id\":\"2\"},{\"id\":\"3\"}],\"o\":{\"id\":\"4\",\"l\":[\"5\"]}}\n\ndata: {\"id\":\"6\"}\n\ndata: [DONE]\n\n"
	var got []string
	within := map[int64]bool{}
	err := openai.Scan(strings.NewReader(text), func(v openai.Value) bool {
		got = append(got, v.In+"/"+v.Text)
		within[v.Within] = true
		if c := text[v.Within]; c != '{' && c != '[' {
			t.Errorf("%s stands within %q", v.Text, c)
		}
		return true
	})
	if err != nil || strings.Join(got, " ") != "/1 items/2 items/3 o/4 l/5 /6" || len(within) != 6 {
		t.Errorf("%q within %v, %v", got, within, err)
	}
}

func TestScan_StopsWhereItsVisitorHasEnough(t *testing.T) {
	text := `{"model":"m",` + strings.Repeat(" ", 1<<20)
	r := strings.NewReader(text)
	if err := openai.Scan(r, func(openai.Value) bool { return false }); err != nil || r.Len() < 1<<20-10_000 {
		t.Errorf("%v; %d bytes were left unread", err, r.Len())
	}
}

func TestScan_SaysWhereItLostItsWay(t *testing.T) {
	for _, text := range []string{`{`, `{"a`, `{"a":"\`, `}`, `{]`, `{"a":"\x"}`, strings.Repeat("[", 100)} {
		if _, err := scanned(t, text); err == nil {
			t.Errorf("%.20s: no error", text)
		}
	}
}

// FuzzScan compares with encoding/json on whatever that accepts.
func FuzzScan_FindsWhatEncodingJSONFinds(f *testing.F) {
	f.Add([]byte(`{"model":"x","a":["b\\\"",{"c":"\ud83d\ude00"}]}`))
	f.Add([]byte(`[[["x"]],{"a":{"b":"c"}}]`))
	f.Add([]byte(`{"a":"\\\\","b":"\\\\\""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []string
		if !json.Valid(text) || !stringsOf(json.NewDecoder(bytes.NewReader(text)), &want) {
			_ = openai.Scan(bytes.NewReader(text), func(openai.Value) bool { return true })
			return
		}
		var got []string
		err := openai.Scan(iotest.OneByteReader(bytes.NewReader(text)), func(v openai.Value) bool {
			got = append(got, v.Text)
			return true
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	})
}

// stringsOf appends the string values of a valid text, blank where longer than a scan keeps; false where it is nested
// too deeply for a scan.
func stringsOf(d *json.Decoder, all *[]string) bool {
	type level struct{ array, value bool }
	var open []level
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if err == io.EOF {
			return true
		}
		if err != nil || len(open) > 60 {
			return false
		}
		top := len(open) - 1
		isName := top >= 0 && !open[top].array && !open[top].value
		switch v := token.(type) {
		case json.Delim:
			if v == '}' || v == ']' {
				open = open[:top]
				if top--; top >= 0 {
					open[top].value = false
				}
				continue
			}
			open = append(open, level{array: v == '['})
			continue
		case string:
			if d.InputOffset()-before > 400 {
				return false
			}
			if !isName {
				*all = append(*all, v)
			}
		}
		if top >= 0 && !open[top].array {
			open[top].value = isName
		}
	}
}
