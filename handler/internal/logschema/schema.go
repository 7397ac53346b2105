// Package logschema holds the log's lines to docs/log.schema.json, in tests.
package logschema

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema says what a line of the log may hold. It is safe for concurrent use.
type Schema struct{ compiled *jsonschema.Schema }

// Open reads the schema in the file.
func Open(path string) (*Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	compiled, err := c.Compile(path)
	if err != nil {
		return nil, err
	}
	return &Schema{compiled}, nil
}

// Check reports what is wrong with a line.
func (s *Schema) Check(line string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err == nil {
		err = s.compiled.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%w, in %s", err, line)
	}
	return nil
}
