package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describeMachine says on what the figures were measured.
func describeMachine(ctx context.Context) string {
	version := "no nginx"
	if path, err := findNginx(); err == nil {
		// It says "nginx version: nginx/1.22.1".
		said, _ := exec.CommandContext(ctx, path, "-v").CombinedOutput()
		_, version, _ = strings.Cut(strings.TrimSpace(string(said)), ": ")
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	info, _ := os.ReadFile("/proc/cpuinfo")
	return fmt.Sprintf("%s, %d cores, %s, Linux %s, %s, %s", field(string(info), "model name"), runtime.NumCPU(),
		runtime.Version(), strings.TrimSpace(string(kernel)), version, time.Now().UTC().Format("2006-01-02"))
}

// field gives the value of the first line such as "name : value".
func field(text, name string) string {
	_, after, _ := strings.Cut(text, name)
	_, value, _ := strings.Cut(after, ":")
	line, _, _ := strings.Cut(value, "\n")
	return strings.TrimSpace(line)
}
