package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// onlyFor lists who may import what: one package knows each outside system.
func onlyFor() map[string][]string {
	return map[string][]string{
		"github.com/go-chi/chi":                                             {"internal/server", "internal/telemetry"},
		"github.com/Azure/azure-sdk-for-go/sdk/data/aztables":               {"internal/store"},
		"github.com/Azure/azure-sdk-for-go/sdk/azidentity":                  {"internal/credential", "."},
		"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets": {"internal/credential", "."},
	}
}

// knows lists, for the packages of the product itself, which of the others each may import.
func knows() map[string][]string {
	return map[string][]string{
		"config":     {},
		"openai":     {},
		"replay":     {},
		"credential": {},
		"rotation":   {},
		"telemetry":  {},
		"store":      {"cooldown", "rotation", "status"},
		"backend":    {"credential"},
		"cooldown":   {"backend", "rotation"},
		"affinity":   {"openai"},
		"proxy":      {"affinity", "backend", "credential", "openai", "replay", "rotation", "telemetry", "upstream"},
		"upstream":   {},
		"status":     {"backend", "rotation", "telemetry"},
		"server":     {"openai", "telemetry"},
		"simulator":  {},
	}
}

const module = "aoai-balancer/handler/internal/"

// source is one parsed Go file; dir is relative to this folder.
type source struct {
	dir, path string
	file      *ast.File
}

func parsed(t *testing.T) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		all = append(all, source{filepath.ToSlash(filepath.Dir(path)), path, file})
		return err
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("read %d files: %v", len(all), err)
	}
	return all
}

func imports(t *testing.T, f *ast.File) []string {
	t.Helper()
	var paths []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

func TestArchitecture_OutsideSystemsAreKnownToOnePackageEach(t *testing.T) {
	for _, s := range parsed(t) {
		for _, path := range imports(t, s.file) {
			for outside, allowed := range onlyFor() {
				if strings.HasPrefix(path, outside) && !slices.Contains(allowed, s.dir) {
					t.Errorf("%s imports %s, which is for %v", s.path, outside, allowed)
				}
			}
		}
	}
}

func TestArchitecture_PackagesImportOnlyWhatTheTableSays(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range parsed(t) {
		name, _, _ := strings.Cut(strings.TrimPrefix(s.dir, "internal/"), "/")
		allowed, listed := knows()[name]
		if !listed || isTest(s.path) {
			continue
		}
		seen[name] = true
		for _, path := range imports(t, s.file) {
			if other, ok := strings.CutPrefix(path, module); ok && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", s.path, other)
			}
		}
	}
	for name := range knows() {
		if !seen[name] {
			t.Errorf("the table lists %s, which does not exist", name)
		}
	}
}

func TestArchitecture_EveryPackageHasOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range parsed(t) {
		if _, known := comments[s.dir]; !known {
			comments[s.dir] = nil
		}
		if s.file.Doc != nil {
			comments[s.dir] = append(comments[s.dir], s.path)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments: %v", dir, len(files), files)
		}
	}
}

func TestArchitecture_NothingRunsBeforeMain(t *testing.T) {
	for _, s := range parsed(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s has an init function", s.path)
			}
		}
	}
}
