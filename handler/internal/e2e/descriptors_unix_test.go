//go:build unix

package e2e

import (
	"syscall"
	"testing"
)

// needDescriptors skips the test where a process may not have so many files and connections. Go has raised the limit as
// far as it goes, and a child inherits what this process began with and raises it likewise.
func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < n {
		t.Skipf("needs %d descriptors a process; the limit is %d: ulimit -n", n, limit.Max)
	}
}
