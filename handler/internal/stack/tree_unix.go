//go:build unix

package stack

import (
	"os"
	"syscall"
)

// interrupt tells only the leader: Functions Core Tools ends its handler itself, and heeds no SIGTERM.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// killTree ends the process and all that descends from it.
func killTree(p *os.Process) { _ = killGroup(p) }

// treeAlive reports whether the process or a descendant still runs.
func treeAlive(p *os.Process) bool { return syscall.Kill(-p.Pid, 0) == nil }
