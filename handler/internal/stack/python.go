package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// ErrNoPython says that Python is missing.
var ErrNoPython = errors.New("python 3 must be on PATH")

// NeedPython finds a Python with the packages that tests use, and the folder with the programs for it. Without Python
// the test is skipped; with CI=true it fails.
func NeedPython(t testing.TB) (python, dir string) {
	t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(root, "handler", "python")
	python, err = pythonPackages(t.Context(), dir)
	if errors.Is(err, ErrNoPython) {
		missing(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return python, dir
}

// pythonPackages installs what requirements.txt lists into a virtual environment beside it, unless that is done.
func pythonPackages(ctx context.Context, dir string) (python string, err error) {
	environment, list := filepath.Join(dir, ".venv"), filepath.Join(dir, "requirements.txt")
	python = filepath.Join(environment, "bin", "python")
	if runtime.GOOS == "windows" {
		python = filepath.Join(environment, "Scripts", "python.exe")
	}
	system, err := exec.LookPath("python3")
	if err != nil {
		return "", ErrNoPython
	}
	unlock, err := lock(ctx, list)
	if err != nil {
		return "", err
	}
	defer unlock()
	done := filepath.Join(environment, "installed")
	if newer(done, list) {
		return python, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, args := range [][]string{{system, "-m", "venv", environment}, {python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list}} {
		if said, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", errors.New(args[2] + ": " + err.Error() + ": " + string(said))
		}
	}
	return python, os.WriteFile(done, nil, 0o600)
}

func newer(a, b string) bool {
	newA, errA := os.Stat(a)
	newB, errB := os.Stat(b)
	return errA == nil && errB == nil && !newA.ModTime().Before(newB.ModTime())
}
