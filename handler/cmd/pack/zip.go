package main

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// file is one entry of the package. Its mode never comes from the machine that packs: Windows has no executable bit,
// and Azure mounts the zip as it is.
type file struct {
	name       string // with forward slashes
	executable bool
}

func (f file) mode() os.FileMode {
	if f.executable {
		return 0o755
	}
	return 0o644
}

// entryTime is the earliest that a zip can hold: the same files give the same bytes at any time.
func entryTime() time.Time { return time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC) }

// writeZip packs the files of the tree. The file of that name appears when it is whole.
func writeZip(tree *os.Root, name string, files []file) (err error) {
	partialName := name + ".partial"
	partial, err := tree.Create(partialName)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", name, err), tree.Remove(partialName))
		}
	}()
	w := zip.NewWriter(partial)
	for _, f := range files {
		err = errors.Join(err, add(w, tree, f))
	}
	if err = errors.Join(err, w.Close(), partial.Close()); err != nil {
		return err
	}
	return tree.Rename(partialName, name)
}

func add(w *zip.Writer, tree *os.Root, f file) error {
	header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: entryTime()}
	header.SetMode(f.mode())
	entry, err := w.CreateHeader(header)
	if err != nil {
		return err
	}
	source, err := tree.Open(f.name)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	_, err = io.Copy(entry, source)
	return err
}
