package stack

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what a process holds of its system, as Linux tells it.
type Usage struct {
	Resident    int64 // bytes of memory
	MostMemory  int64 // that Resident ever was
	Threads     int
	Descriptors int
	Sockets     int   // of the descriptors
	TempFiles   int   // of the descriptors: files that have no name any more
	TempBytes   int64 // in these files
}

// Usage reads what the process itself holds, without its children. Only Linux tells.
func (p *Process) Usage() (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.PID()))
	u, err := memoryUsage(filepath.Join(dir, "status"))
	if err != nil {
		return Usage{}, fmt.Errorf("what a process holds is read from Linux's /proc: %w", err)
	}
	return u, u.addDescriptors(filepath.Join(dir, "fd"))
}

func memoryUsage(path string) (u Usage, err error) {
	status, err := os.Open(path)
	if err != nil {
		return u, err
	}
	defer func() { _ = status.Close() }()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "VmRSS:":
			u.Resident = n << 10
		case "VmHWM:":
			u.MostMemory = n << 10
		case "Threads:":
			u.Threads = int(n)
		}
	}
	if u.Resident == 0 {
		return u, errors.New("the process has ended")
	}
	return u, nil
}

// addDescriptors counts descriptors. One that is closed meanwhile does not count.
func (u *Usage) addDescriptors(dir string) error {
	links, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, link := range links {
		path := filepath.Join(dir, link.Name())
		target, err := os.Readlink(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		u.Descriptors++
		switch {
		case strings.HasPrefix(target, "socket:"):
			u.Sockets++
		case strings.HasSuffix(target, " (deleted)"):
			u.TempFiles++
			if info, err := os.Stat(path); err == nil {
				u.TempBytes += info.Size()
			}
		}
	}
	return nil
}
