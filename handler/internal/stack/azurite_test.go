package stack

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAzurite_KilledAndRestartedOnTheSamePort(t *testing.T) {
	s := NeedAzurite(t)
	connection := s.ConnectionString()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if !reachable(t.Context(), client, s.endpoint()) {
		t.Fatal("it does not answer after the start")
	}
	s.Kill()
	if reachable(t.Context(), client, s.endpoint()) {
		t.Error("it answers after Kill")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !reachable(t.Context(), client, s.endpoint()) || s.ConnectionString() != connection {
		t.Error("it does not answer at the same place after Restart")
	}
}

func TestAzurite_LeavesNothingBehind(t *testing.T) {
	s := NeedAzurite(t)
	files, err := os.ReadDir(s.dir)
	if err != nil || len(files) != 0 {
		t.Errorf("%v, its folder holds %v", err, files)
	}
	process := s.process
	s.Stop()
	s.Stop()
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) || process.Alive() {
		t.Errorf("after Stop: %v, alive %v", err, process.Alive())
	}
}

func TestAzurite_EndsWithItsContext(t *testing.T) {
	NeedAzurite(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Azurite(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	cancel()
	<-s.process.Ended()
	if _, err := Azurite(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("started after its context ended: %v", err)
	}
}

// parentRole makes this test program start an Azurite, say its process id, and wait to be killed.
const parentRole = "STACK_TEST_AZURITE_PARENT"

func TestAzurite_EndsWithAParentThatIsKilled(t *testing.T) {
	if os.Getenv(parentRole) != "" {
		beParent(t)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends the children of a process that was killed")
	}
	NeedAzurite(t)
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), parentRole+"=1", "TMPDIR="+t.TempDir()) // it cannot tidy up
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	child, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "azurite "))
	if err != nil {
		t.Fatalf("the parent says %q", lines.Text())
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	proc := filepath.Join("/proc", strconv.Itoa(child))
	if err := Until(ctx, func() bool { return !running(proc) }); err != nil {
		t.Errorf("the service lives on: %v", err)
	}
}

func beParent(t *testing.T) {
	s := NeedAzurite(t)
	_, _ = os.Stdout.WriteString("azurite " + strconv.Itoa(s.process.PID()) + "\n")
	select {
	case <-t.Context().Done():
	case <-time.After(time.Minute): // bounds what a failing test leaves behind
	}
}

// running reports whether the process is there and no zombie that nobody has waited for.
func running(proc string) bool {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// observed is a test that notes how it ends.
type observed struct {
	testing.TB
	ended string
}

func (o *observed) Helper() {}

func (o *observed) Skipf(string, ...any) {
	o.ended = "skipped"
	runtime.Goexit()
}

func (o *observed) Fatal(...any) {
	o.ended = "failed"
	runtime.Goexit()
}

func TestNeedAzurite_WithoutNodeSkipsAndFailsInCI(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ci, want := range map[string]string{"": "skipped", "true": "failed"} {
		t.Setenv("CI", ci)
		o := &observed{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			NeedAzurite(o)
		}()
		<-done
		if o.ended != want {
			t.Errorf("CI=%q: %q, want %s", ci, o.ended, want)
		}
	}
}

func TestNodeModules_InstallsWhatIsMissing(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		missing(t, ErrNoNode)
	}
	root := t.TempDir()
	t.Chdir(root)
	for path, text := range map[string]string{
		"go.mod":                         "module other",
		"handler/npm/local/package.json": `{"name":"local","version":"1.0.0"}`,
		"handler/npm/package.json":       `{"dependencies":{"local":"file:local"}}`,
		"handler/npm/package-lock.json": `{"lockfileVersion":3,"packages":{"":{"dependencies":{"local":"file:local"}},` +
			`"local":{"version":"1.0.0"},"node_modules/local":{"resolved":"local","link":true}}}`,
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			dir, err := NodeModules(t.Context(), io.Discard)
			if err != nil || !installed(dir) {
				t.Errorf("%s: %v", dir, err)
			}
		})
	}
	wg.Wait()
	if _, err := os.Stat(filepath.Join(root, "handler", "npm", "node_modules", "local", "package.json")); err != nil {
		t.Error(err)
	}
}

func TestInstalled_ComparesWithTheLockFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "node_modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	touch := func(name string, at time.Time) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	touch("package-lock.json", now)
	if installed(dir) {
		t.Error("installed without node_modules")
	}
	touch("node_modules/.package-lock.json", now.Add(-time.Hour))
	if installed(dir) {
		t.Error("installed though the lock file is newer")
	}
	touch("node_modules/.package-lock.json", now.Add(time.Second))
	if !installed(dir) {
		t.Error("not installed though node_modules is newer")
	}
}

func TestLock_KeepsOthersOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "package.json")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	if unlock, err = lock(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	unlock()
}
