//go:build !linux

package stack

import "syscall"

// interruptedWithParent does nothing: only Linux can tell a child that its parent has gone.
func interruptedWithParent(*syscall.SysProcAttr) {}
