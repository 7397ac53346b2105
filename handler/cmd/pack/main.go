// Command pack builds the handler for Azure and writes the package that Azure Functions runs.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"aoai-balancer/handler/internal/stack"
)

func main() { os.Exit(program()) }

// program gives the exit code.
func program() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out := flag.String("out", "dist", "`folder` for the unpacked package and app.zip, within the repository unless absolute")
	flag.Parse()
	root, err := stack.ModuleRoot()
	if err == nil {
		err = run(ctx, root, *out, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		return 1
	}
	return 0
}

const zipName = "app.zip"

// content is all that the package holds, by its names in the zip.
func content() []file {
	return []file{
		{name: "bin/handler", executable: true},
		{name: "functions/function.json"},
		{name: "host.json"},
	}
}

// run writes the package of the repository at root to the folder out. An app.zip that is there is whole.
func run(ctx context.Context, root, out string, stdout io.Writer) error {
	if !filepath.IsAbs(out) {
		out = filepath.Join(root, out)
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	tree, err := os.OpenRoot(out)
	if err != nil {
		return err
	}
	defer func() { _ = tree.Close() }()
	if err := unpacked(ctx, root, tree); err != nil {
		return err
	}
	if err := writeZip(tree, zipName, content()); err != nil {
		return err
	}
	return report(stdout, tree)
}

// unpacked writes the tree. What lay there before goes first: the Functions host minds every file beside function.json.
func unpacked(ctx context.Context, root string, tree *os.Root) error {
	if err := errors.Join(tree.RemoveAll("bin"), tree.RemoveAll("functions"), tree.RemoveAll(zipName)); err != nil {
		return err
	}
	for _, f := range content() {
		if err := write(ctx, tree, root, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func write(ctx context.Context, tree *os.Root, root string, f file) error {
	if err := tree.MkdirAll(path.Dir(f.name), 0o750); err != nil {
		return err
	}
	if f.executable {
		out := filepath.Join(tree.Name(), filepath.FromSlash(f.name))
		return stack.Build(ctx, root, out, "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1")
	}
	text, err := fs.ReadFile(os.DirFS(root), f.name)
	if err != nil {
		return err
	}
	return tree.WriteFile(f.name, text, f.mode())
}

func report(stdout io.Writer, tree *os.Root) error {
	packed, err := tree.ReadFile(zipName)
	if err != nil {
		return err
	}
	for _, f := range content() {
		fmt.Fprintf(stdout, "  %v  %s\n", f.mode(), f.name)
	}
	_, err = fmt.Fprintf(stdout, "%s  %s  sha256 %x\n", filepath.Join(tree.Name(), zipName), humanize.IBytes(uint64(len(packed))), sha256.Sum256(packed))
	return err
}
