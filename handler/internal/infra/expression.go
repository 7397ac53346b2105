package infra

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Evaluate gives the value of a property of a snapshot. A text in brackets is an expression of Azure Resource Manager's
// template language (https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions); of its
// functions, those that put values together are done here, and any other is asked of known, with its arguments and
// what is selected from its result.
func Evaluate(text string, known func(expression string) (any, error)) (any, error) {
	if !strings.HasPrefix(text, "[") || strings.HasPrefix(text, "[[") {
		return text, nil
	}
	p := &expression{text: strings.TrimSuffix(text[1:], "]"), known: known}
	value, err := p.value()
	if err == nil && p.at != len(p.text) {
		err = errors.New("something follows the expression")
	}
	if err != nil {
		return nil, fmt.Errorf("at byte %d of %q: %w", p.at, text, err)
	}
	return value, nil
}

// expression is an expression that is being read, up to the byte at.
type expression struct {
	text  string
	at    int
	known func(string) (any, error)
	depth int
}

// maxDepth bounds the recursion.
const maxDepth = 100

func (p *expression) value() (any, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("too deep")
	}
	defer func() { p.depth-- }()
	switch c := p.peek(); {
	case c == '\'':
		return p.literal()
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		return p.call()
	}
}

func (p *expression) peek() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// literal reads a text in single quotes; a doubled quote in it stands for one.
func (p *expression) literal() (any, error) {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at++; p.peek() != '\'' {
			return b.String(), nil
		}
		b.WriteByte('\'')
	}
	return nil, errors.New("a text does not end")
}

func (p *expression) number() (any, error) {
	n, err := strconv.Atoi(p.match(regexp.MustCompile(`^-?[0-9]+`)))
	if err != nil {
		return nil, errors.New("not a whole number")
	}
	return n, nil
}

// match takes what the pattern, which begins with ^, finds.
func (p *expression) match(pattern *regexp.Regexp) string {
	found := pattern.FindString(p.text[p.at:])
	p.at += len(found)
	return found
}

func (p *expression) call() (any, error) {
	start := p.at
	name := p.match(regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*`))
	if name == "" || p.peek() != '(' {
		return nil, errors.New("a function is expected")
	}
	if !composes(name) {
		return p.ask(start)
	}
	p.at++
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	return compose(name, arguments)
}

// arguments reads what follows an opening parenthesis, and the closing one.
func (p *expression) arguments() ([]any, error) {
	var all []any
	for p.peek() != ')' {
		if len(all) > 0 && p.match(regexp.MustCompile(`^, *`)) == "" {
			return nil, errors.New("a comma is expected")
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	p.at++
	return all, nil
}

// ask takes a whole call, with what is selected from its result, and lets known answer for it.
func (p *expression) ask(start int) (any, error) {
	for open := 0; p.at < len(p.text); {
		switch c := p.peek(); {
		case c == '\'':
			if _, err := p.literal(); err != nil {
				return nil, err
			}
			continue
		case c == '(' || c == '[':
			open++
		case open == 0 && (c == ',' || c == ')' || c == ']'):
			return p.known(p.text[start:p.at])
		case c == ')' || c == ']':
			open--
		}
		p.at++
	}
	return p.known(p.text[start:p.at])
}

func composes(function string) bool {
	switch function {
	case "string", "format", "createArray", "createObject", "null":
		return true
	}
	return false
}

func compose(function string, arguments []any) (any, error) {
	switch function {
	case "createArray":
		return append([]any{}, arguments...), nil
	case "createObject":
		return createObject(arguments)
	case "string":
		return asText(arguments)
	case "format":
		return format(arguments)
	default: // null
		return nil, nil
	}
}

func createObject(arguments []any) (any, error) {
	object := map[string]any{}
	for i := 0; i+1 < len(arguments); i += 2 {
		object[fmt.Sprint(arguments[i])] = arguments[i+1]
	}
	if len(arguments)%2 != 0 {
		return nil, errors.New("createObject: a name without a value")
	}
	return object, nil
}

func asText(arguments []any) (any, error) {
	if len(arguments) != 1 {
		return nil, errors.New("string: one argument is expected")
	}
	if text, ok := arguments[0].(string); ok {
		return text, nil
	}
	text, err := json.Marshal(arguments[0])
	return string(text), err
}

// format does what the templates use: {0}, {1}, …
func format(arguments []any) (any, error) {
	if len(arguments) == 0 {
		return nil, errors.New("format: no text")
	}
	var pairs []string
	for i, a := range arguments[1:] {
		pairs = append(pairs, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
	}
	return strings.NewReplacer(pairs...).Replace(fmt.Sprint(arguments[0])), nil
}
