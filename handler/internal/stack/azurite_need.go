package stack

import (
	"errors"
	"testing"
)

// NeedAzurite starts a table service for the test and stops it afterwards. Without Node.js the test is skipped, but
// where the environment has CI=true it fails.
func NeedAzurite(t testing.TB) *Storage {
	t.Helper()
	s, err := Azurite(t.Context(), nil)
	if errors.Is(err, ErrNoNode) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}
