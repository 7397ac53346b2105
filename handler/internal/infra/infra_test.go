package infra

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aoai-balancer/handler/internal/stack"
)

// snapshots names the parameter files in infra/snapshots.
func snapshots() []string {
	return []string{"default", "three-instances", "network-isolation", "entra", "alerts"}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := stack.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func snapshot(t *testing.T, name string) Snapshot {
	t.Helper()
	s, err := ReadSnapshot(root(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compiled is infra/main.bicep as a template, compiled once for all tests of this process.
//
//nolint:gochecknoglobals // It takes seconds, and nothing changes it.
var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := stack.ModuleRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("bicep", "build", "--stdout", "infra/main.bicep")
	cmd.Dir = dir
	return cmd.Output()
})

// template compiles infra/main.bicep. Without bicep on PATH the test is skipped; with CI=true it fails.
func template(t *testing.T) *Template {
	t.Helper()
	needBicep(t)
	text, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

func needBicep(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("bicep")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("bicep is not on PATH")
	case err != nil:
		t.Skip("SKIPPED, NOT TESTED: bicep is not on PATH")
	}
}

// one gives the only resource of that type whose ID ends so.
func one(t *testing.T, s Snapshot, kind, ending string) Resource {
	t.Helper()
	var found []Resource
	for _, r := range s.OfType(kind) {
		if strings.HasSuffix(r.ID, ending) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d resources of type %s end in %q, instead of one", len(found), kind, ending)
	}
	return found[0]
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
