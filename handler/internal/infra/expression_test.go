package infra

import (
	"errors"
	"reflect"
	"testing"
)

func unknown(expression string) (any, error) { return "<" + expression + ">", nil }

func TestEvaluate_PutsValuesTogetherAndAsksForTheRest(t *testing.T) {
	for text, want := range map[string]any{
		"plain":                         "plain",
		"[[not an expression]":          "[[not an expression]",
		"['it''s']":                     "it's",
		"[format('{0}-{1}', 'a', 7)]":   "a-7",
		"[string(createArray(1, 'b'))]": `[1,"b"]`,
		"[string(createObject('n', createObject(), 'm', null()))]": `{"m":null,"n":{}}`,
		"[string('text')]":                                             "text",
		"[reference('/a/b', '1').x[0].y]":                              "<reference('/a/b', '1').x[0].y>",
		"[createArray(reference(f('),')).a, -2)]":                      []any{"<reference(f('),')).a>", -2},
		"[format('https://{0}/x', reference('s', 'v').host.names[0])]": "https://<reference('s', 'v').host.names[0]>/x",
	} {
		got, err := Evaluate(text, unknown)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v; want %#v", text, got, err, want)
		}
	}
}

func TestEvaluate_SaysWhatIsWrong(t *testing.T) {
	for _, text := range []string{
		"[", "[]", "['open]", "[name]", "[format()]", "[string()]", "[createObject('a')]", "[createArray(1 2)]", "['a' 'b']", "[-]",
	} {
		if got, err := Evaluate(text, unknown); err == nil {
			t.Errorf("%s is %#v, want an error", text, got)
		}
	}
	nobody := errors.New("nobody knows")
	if _, err := Evaluate("[reference('a')]", func(string) (any, error) { return nil, nobody }); !errors.Is(err, nobody) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add("[format('{0}{1}', reference('a', 'b').c[0], 'd')]")
	f.Add("[string(createArray(createObject('name', 1)))]")
	f.Add("['it''s'")
	f.Fuzz(func(t *testing.T, text string) {
		value, err := Evaluate(text, unknown)
		if err != nil && value != nil {
			t.Errorf("%q is %#v and %v", text, value, err)
		}
	})
}
