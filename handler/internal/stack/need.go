package stack

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// NeedFunc skips the test where Azure Functions Core Tools are not installed. With CI=true it fails.
func NeedFunc(t testing.TB) {
	t.Helper()
	if _, err := FindFunc(); err != nil {
		missing(t, err)
	}
}

// NeedNode finds Node.js and the folder with the packages that tests run on it. Without Node.js the test is skipped;
// with CI=true it fails.
func NeedNode(t testing.TB) (node, dir string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, ErrNoNode)
	}
	dir, err = NodeModules(t.Context(), t.Output())
	switch {
	case errors.Is(err, ErrNoNode):
		missing(t, err)
	case err != nil:
		t.Fatal(err)
	}
	return node, dir
}

// missing ends a test for want of what a developer may lack.
func missing(t testing.TB, what error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skipf("SKIPPED, NOT TESTED: %v", what)
}
