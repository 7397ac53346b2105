package main

import (
	"archive/zip"
	"bytes"
	"context"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
)

func TestPackage_HoldsExactlyWhatTheFunctionsHostRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the handler")
	}
	out := t.TempDir()
	first := pack(t, out)
	want := map[string]os.FileMode{"bin/handler": 0o755, "functions/function.json": 0o644, "host.json": 0o644}
	archive := open(t, first)
	for _, entry := range archive.File {
		if mode, ok := want[entry.Name]; !ok || entry.Mode() != mode {
			t.Errorf("the zip holds %s with mode %v; want the names and modes %v", entry.Name, entry.Mode(), want)
		}
		if lying, err := os.ReadFile(filepath.Join(out, entry.Name)); err != nil || !bytes.Equal(lying, textOf(t, entry)) {
			t.Errorf("%s in the zip is not what lies in the folder (%v)", entry.Name, err)
		}
		delete(want, entry.Name)
	}
	if len(want) > 0 {
		t.Errorf("the zip lacks %v", want)
	}
	checkStatic(t, filepath.Join(out, "bin", "handler"))
	checkTree(t, out)
	if second := pack(t, out); !bytes.Equal(first, second) {
		t.Error("packing the same tree again gave other bytes")
	}
}

// pack runs the program with something in the folder that must not survive it.
func pack(t *testing.T, out string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	stray := filepath.Join(out, "functions", "stray.txt")
	if err := os.MkdirAll(filepath.Dir(stray), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stray, []byte("stray"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := stack.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := run(ctx, root, out, &said); err != nil {
		t.Fatal(err)
	}
	t.Log(said.String())
	packed, err := os.ReadFile(filepath.Join(out, "app.zip"))
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func open(t *testing.T, packed []byte) *zip.Reader {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func textOf(t *testing.T, entry *zip.File) []byte {
	t.Helper()
	r, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func checkStatic(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	interpreted := slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if program.Machine != elf.EM_X86_64 || interpreted {
		t.Errorf("the handler is built for %v, with a dynamic linker: %v; want a static %v", program.Machine, interpreted, elf.EM_X86_64)
	}
}

func checkTree(t *testing.T, out string) {
	t.Helper()
	var names []string
	err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(out, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	want := []string{"app.zip", "bin/handler", "functions/function.json", "host.json"}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("the folder holds %v (%v); want %v", names, err, want)
	}
}

func TestZip_IsTheSameWhateverTheMachinesModesAndTimes(t *testing.T) {
	write := func(mode os.FileMode, changed time.Time) []byte {
		dir := t.TempDir()
		for _, f := range content() {
			path := filepath.Join(dir, f.name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("the text of "+f.name), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, changed, changed); err != nil {
				t.Fatal(err)
			}
		}
		tree := root(t, dir)
		if err := writeZip(tree, "app.zip", content()); err != nil {
			t.Fatal(err)
		}
		text, err := tree.ReadFile("app.zip")
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	now := time.Now()
	if !bytes.Equal(write(0o600, now), write(0o777, now.AddDate(-3, 0, 0))) {
		t.Error("modes or times of the packing machine change the zip")
	}
}

func root(t *testing.T, dir string) *os.Root {
	t.Helper()
	tree, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func TestZip_ThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := writeZip(root(t, dir), "app.zip", content()); err == nil {
		t.Fatal("packing files that are not there succeeded")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
}
