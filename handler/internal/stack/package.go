package stack

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// StartPackage starts the Functions host on a package as Azure runs it, unpacked with its modes into a folder of its own.
// Where functionKey is not empty the host asks callers for it, as it does in Azure. Otherwise it is as StartHost.
func StartPackage(ctx context.Context, archive, functionKey string, s Settings) (*Process, error) {
	host, err := FindFunc()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "handler-package-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), host, "start")
	cmd.Dir = dir
	if functionKey != "" {
		s = s.With("AzureWebJobsSecretStorageType", "files")
		cmd.Args = append(cmd.Args, "--enableAuth")
		cmd.Env = []string{"TMPDIR=" + filepath.Join(dir, "temp")}
	}
	if err := fillPackage(dir, archive, functionKey, s); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return runHost(ctx, cmd, 0, "/?code="+functionKey, s)
}

func fillPackage(dir, archive, functionKey string, s Settings) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	settings, err := localSettings(s)
	return errors.Join(err, unpack(root, archive), root.WriteFile("local.settings.json", settings, 0o600), writeKeys(root, functionKey))
}

func unpack(root *os.Root, archive string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	for _, entry := range z.File {
		if err := unpackEntry(root, entry); err != nil {
			return err
		}
	}
	return nil
}

func unpackEntry(root *os.Root, entry *zip.File) error {
	if err := root.MkdirAll(path.Dir(entry.Name), 0o700); err != nil {
		return err
	}
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	bytes, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return root.WriteFile(entry.Name, bytes, entry.Mode().Perm())
}

// writeKeys puts the host's keys where it looks for them below its folder for temporary files.
func writeKeys(root *os.Root, functionKey string) error {
	type key struct {
		Name      string `json:"name"`
		Value     string `json:"value"`
		Encrypted bool   `json:"encrypted"`
	}
	keys, err := json.Marshal(map[string]any{
		"masterKey":    key{Name: "master", Value: "master-of-" + functionKey},
		"functionKeys": []key{{Name: "default", Value: functionKey}},
		"systemKeys":   []key{},
	})
	const folder = "temp/secrets/functions/secrets"
	return errors.Join(err, root.MkdirAll(folder, 0o700), root.WriteFile(folder+"/host.json", keys, 0o600))
}
