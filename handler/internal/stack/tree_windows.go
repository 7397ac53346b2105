package stack

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// interrupt is always refused: a program cannot send a Ctrl+C to one process of its console.
func interrupt(*os.Process) error { return errors.ErrUnsupported }

// killTree ends the process and all that descends from it, as long as the process itself runs.
func killTree(p *os.Process) {
	if treeAlive(p) {
		_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(p.Pid)).Run()
	}
}

// treeAlive knows of the first process only: Windows keeps no group.
func treeAlive(p *os.Process) bool {
	const stillActive = 259
	handle, err := syscall.OpenProcess(syscall.PROCESS_QUERY_INFORMATION, false, uint32(p.Pid))
	if err != nil {
		return false
	}
	defer func() { _ = syscall.CloseHandle(handle) }()
	var code uint32
	return syscall.GetExitCodeProcess(handle, &code) == nil && code == stillActive
}
