package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Template is a compiled template, as Bicep writes it.
type Template struct {
	Parameters map[string]Parameter `json:"parameters"`
	Resources  Declarations         `json:"resources"`
	Outputs    map[string]any       `json:"outputs"`
}

// Declarations are the resources of a template by their symbolic names.
type Declarations map[string]Declaration

// UnmarshalJSON also reads the older form, a list, in which Bicep writes templates that need nothing newer. There
// "#0", "#1", … stand for the names.
func (d *Declarations) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte("[")) {
		return json.Unmarshal(text, (*map[string]Declaration)(d))
	}
	var list []Declaration
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*d = Declarations{}
	for i, declaration := range list {
		(*d)[fmt.Sprintf("#%d", i)] = declaration
	}
	return nil
}

// Parameter is a parameter of a template.
type Parameter struct {
	Type         string         `json:"type"`
	DefaultValue any            `json:"defaultValue"`
	Metadata     map[string]any `json:"metadata"`
}

// Declaration is a resource, or a loop over resources, of a template; a module's has a template of its own.
type Declaration struct {
	Type       string         `json:"type"`
	Existing   bool           `json:"existing"`
	DependsOn  []string       `json:"dependsOn"`
	Copy       *Copy          `json:"copy"`
	Properties map[string]any `json:"properties"`
	Module     *Template      `json:"-"`
}

// Copy is the loop of a declaration.
type Copy struct {
	Mode      string `json:"mode"`
	BatchSize int    `json:"batchSize"`
}

// OneByOne reports whether the loop waits for each resource before it begins the next.
func (c *Copy) OneByOne() bool { return c != nil && c.Mode == "serial" && c.BatchSize == 1 }

// ParseTemplate reads a compiled template with all its modules.
func ParseTemplate(text []byte) (*Template, error) {
	t := &Template{}
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("compiled template: %w", err)
	}
	for name, d := range t.Resources {
		inner, ok := d.Properties["template"]
		if !ok {
			continue
		}
		text, err := json.Marshal(inner)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
		if d.Module, err = ParseTemplate(text); err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
		t.Resources[name] = d
	}
	return t, nil
}

// Find gives the declaration at the path of symbolic names, from module to module, such as "gateway/routing/backend".
func (t *Template) Find(path string) (Declaration, error) {
	name, rest, deeper := strings.Cut(path, "/")
	d, ok := t.Resources[name]
	switch {
	case !ok:
		return Declaration{}, fmt.Errorf("no %q among %v", name, slices.Sorted(maps.Keys(t.Resources)))
	case deeper && d.Module == nil:
		return Declaration{}, fmt.Errorf("%q is no module", name)
	case deeper:
		return d.Module.Find(rest)
	}
	return d, nil
}

// Before reports whether Azure Resource Manager finishes the first declaration before it begins the second. Both are
// paths as Find takes them.
func (t *Template) Before(first, second string) (bool, error) {
	for _, path := range []string{first, second} {
		if _, err := t.Find(path); err != nil {
			return false, err
		}
	}
	a, restA, _ := strings.Cut(first, "/")
	b, restB, _ := strings.Cut(second, "/")
	if a == b && (restA == "" || restB == "") {
		return false, fmt.Errorf("%q and %q lie in each other", first, second)
	}
	if a == b {
		return t.Resources[a].Module.Before(restA, restB)
	}
	return t.waitsFor(b, a, map[string]bool{}), nil
}

func (t *Template) waitsFor(name, other string, seen map[string]bool) bool {
	if seen[name] {
		return false
	}
	seen[name] = true
	return slices.ContainsFunc(t.Resources[name].DependsOn, func(entry string) bool {
		next := declarationOf(entry)
		return next == other || t.waitsFor(next, other, seen)
	})
}

// declarationOf gives the symbolic name in an entry of dependsOn, which is that name, or for one turn of a loop such as
// "[format('accounts[{0}]', copyIndex())]".
func declarationOf(entry string) string {
	turn := regexp.MustCompile(`^\[format\('([A-Za-z0-9_]+)\[\{0\}\]'`).FindStringSubmatch(entry)
	if turn == nil {
		return entry
	}
	return turn[1]
}

// Walk visits the template, whose path is "", and those of all its modules.
func (t *Template) Walk(visit func(path string, inside *Template)) { t.walk("", visit) }

func (t *Template) walk(path string, visit func(string, *Template)) {
	visit(path, t)
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		if inner := t.Resources[name].Module; inner != nil {
			inner.walk(strings.TrimPrefix(path+"/"+name, "/"), visit)
		}
	}
}
