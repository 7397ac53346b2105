package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
)

// FindFunc finds Azure Functions Core Tools on PATH.
func FindFunc() (string, error) {
	path, err := exec.LookPath("func")
	if err != nil {
		return "", errors.New("func (Azure Functions Core Tools 4.6 or later) is not on PATH; https://learn.microsoft.com/azure/azure-functions/functions-run-local says how to install it")
	}
	return path, nil
}

// StartHost starts the Functions host with the product's own host.json and functions/function.json from root, the built
// handler and the settings, all copied to a folder that Stop removes. It waits until GET / is answered through the host, or ctx ends.
// Port 0 is any free one. The console goes to the Log, or to the file console where there is one: the host writes a dozen lines
// a call, and to read them costs more than some measurements bear.
func StartHost(ctx context.Context, root, binary string, port int, s Settings, console *os.File) (*Process, error) {
	path, err := FindFunc()
	if err != nil {
		return nil, err
	}
	dir, err := prepareHost(root, binary, s)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "start")
	cmd.Dir = dir
	if console != nil {
		cmd.Stdout, cmd.Stderr = console, console
	}
	return runHost(ctx, cmd, port, "/", s)
}

// runHost starts the host in cmd's folder, which Stop removes, and waits until it answers at the path.
func runHost(ctx context.Context, cmd *exec.Cmd, port int, path string, s Settings) (p *Process, err error) {
	if port == 0 {
		if port, err = FreePort(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(cmd.Dir))
		}
	}
	cmd.Args = append(cmd.Args, "--port", strconv.Itoa(port))
	cmd.Env = append(s.withoutSettings(), append(cmd.Env, "FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT=1")...)
	if p, err = Start(cmd); err != nil {
		return nil, errors.Join(err, os.RemoveAll(cmd.Dir))
	}
	p.URL = "http://127.0.0.1:" + strconv.Itoa(port)
	p.cleanup = func() { _ = os.RemoveAll(cmd.Dir) }
	if err := p.answering(ctx, path); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// prepareHost makes the folder that the host starts in.
func prepareHost(root, binary string, s Settings) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "handler-host-"); err != nil {
		return "", err
	}
	if err = fillHost(dir, root, binary, s); err != nil {
		return "", errors.Join(fmt.Errorf("prepare a folder for the Functions host: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

func fillHost(dir, root, binary string, s Settings) error {
	host, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = host.Close() }()
	executable := "bin/handler"
	if runtime.GOOS == "windows" {
		executable += ".exe"
		s = s.With("AzureFunctionsJobHost__customHandler__description__defaultExecutablePath", executable)
	}
	settings, err := localSettings(s)
	return errors.Join(err,
		host.WriteFile("local.settings.json", settings, 0o600),
		host.Mkdir("functions", 0o700),
		host.Mkdir("bin", 0o700),
		copyFile(host, "host.json", root, "host.json", 0o600),
		copyFile(host, "functions/function.json", root, "functions/function.json", 0o600),
		copyFile(host, executable, filepath.Dir(binary), filepath.Base(binary), 0o700),
	)
}

func localSettings(s Settings) ([]byte, error) {
	values := maps.Clone(s)
	values["FUNCTIONS_WORKER_RUNTIME"] = "custom"
	values["AzureWebJobsStorage"] = "UseDevelopmentStorage=true"
	return json.Marshal(map[string]any{"IsEncrypted": false, "Values": values})
}

// copyFile takes names with forward slashes.
func copyFile(to *os.Root, name, fromDir, fromName string, mode os.FileMode) error {
	content, err := fs.ReadFile(os.DirFS(fromDir), fromName)
	if err != nil {
		return err
	}
	return to.WriteFile(name, content, mode)
}
