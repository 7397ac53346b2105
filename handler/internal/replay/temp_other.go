//go:build !windows

package replay

import "os"

// hideTemp unlinks the file at once, so that nothing stays behind however the process ends.
func hideTemp(file *os.File) error { return os.Remove(file.Name()) }

func closeTemp(file *os.File) error { return file.Close() }
