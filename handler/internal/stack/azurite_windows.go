package stack

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// staleLock is when a lock file must be that of a process that was killed. An install may take five minutes.
const staleLock = 6 * time.Minute

// ownGroup keeps the console's Ctrl+C from a child.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// lock waits until the file's lock file does not exist and creates it.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	path += ".lock"
	var f *os.File
	waited := Until(ctx, func() bool {
		f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return true
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > staleLock {
			_ = os.Remove(path)
		}
		return false
	})
	if waited != nil {
		return nil, waited
	}
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	return func() { _ = os.Remove(path) }, nil
}
