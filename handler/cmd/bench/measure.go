package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usage is what a target used.
type usage struct {
	cpu         time.Duration
	allocations uint64 // objects; 0 where the target does not tell
}

func (u usage) plus(v usage) usage { return usage{u.cpu + v.cpu, u.allocations + v.allocations} }

// memory is what lies in RAM, in bytes.
type memory struct{ resident, peak uint64 }

// tree gives the processes and all that descend from them. Without /proc there are none.
func tree(roots ...int) []int {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if pid, parent, ok := parentOf(path); ok {
			parents[pid] = parent
		}
	}
	var found []int
	for pid := range parents {
		for p := pid; p > 1; p = parents[p] {
			if slices.Contains(roots, p) {
				found = append(found, pid)
				break
			}
		}
	}
	return found
}

// parentOf reads a line such as "42 (name) S 1 …", where the name may hold anything.
func parentOf(path string) (pid, parent int, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, false // it has ended since
	}
	pid, err = strconv.Atoi(filepath.Base(filepath.Dir(path)))
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if err != nil || len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err == nil
}

func memoryOf(pids []int) memory {
	var m memory
	for _, pid := range pids {
		text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
		m.resident += kilobytes(string(text), "VmRSS:")
		m.peak += kilobytes(string(text), "VmHWM:")
	}
	return m
}

// kilobytes reads a line such as "VmRSS:  123 kB" and gives bytes.
func kilobytes(status, name string) uint64 {
	_, after, _ := strings.Cut(status, name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(fields[0], 10, 64)
	return n << 10
}

// processFigures is what of a handler's /status.json is used here.
type processFigures struct {
	Process struct {
		Allocations uint64 `json:"allocations"`
	} `json:"process"`
}

// allocations asks a handler how many objects it has allocated; 0 where it does not tell.
func allocations(ctx context.Context, address string) uint64 {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status.json?scope=instance&limit=1", nil)
	if err != nil {
		return 0
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	var f processFigures
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&f) != nil {
		return 0
	}
	return f.Process.Allocations
}
