package infra

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// azd's published schema cannot be had from a package registry; these are the parts of it that azure.yaml uses
// (https://github.com/Azure/azure-dev/blob/main/schemas/v1.0/azure.yaml.json).

// settingsOf reads "key: value" lines of azure.yaml by their paths, as in "services.handler.host". Of a list it keeps the
// items under the list's path, a line each.
func settingsOf(t *testing.T, text string) map[string]string {
	t.Helper()
	settings, path := map[string]string{}, []string{}
	for line := range strings.SplitSeq(text, "\n") {
		bare := strings.TrimSpace(line)
		if bare == "" || strings.HasPrefix(bare, "#") {
			continue
		}
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		if item, is := strings.CutPrefix(bare, "- "); is {
			settings[strings.Join(path[:depth], ".")] += item + "\n"
			continue
		}
		key, value, _ := strings.Cut(bare, ":")
		path = append(path[:depth], key)
		if value = strings.Trim(value, ` "`); value != "" {
			settings[strings.Join(path, ".")] = value
		}
	}
	return settings
}

func TestAzureYAML_KeysAreThoseOfTheSchema(t *testing.T) {
	allowed := regexp.MustCompile(`^(name|requiredVersions\.azd|infra\.(provider|path|module)|services\.handler\.(project|host)|workflows\.up\.steps|hooks\.(pre|post)(provision|deploy)\.(posix|windows)\.(shell|run))$`)
	for key, value := range settingsOf(t, read(t, "azure.yaml")) {
		if !allowed.MatchString(key) {
			t.Errorf("%s: %s", key, value)
		}
	}
}

func TestAzureYAML_TheServiceHasNoLanguageAndIsPublishedFromOurPackage(t *testing.T) {
	settings := settingsOf(t, read(t, "azure.yaml"))
	same(t, "name", regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`).MatchString(settings["name"]), true)
	same(t, "host", settings["services.handler.host"], "function")
	same(t, "language", settings["services.handler.language"], "")
	same(t, "up", settings["workflows.up.steps"], "azd: provision\nazd: deploy handler --from-package dist/app.zip\n")
	same(t, "template", settings["infra.path"]+"/"+settings["infra.module"]+".bicep", "infra/main.bicep")
}

func TestAzureYAML_HooksNeedNoUnixShellOnWindows(t *testing.T) {
	settings := settingsOf(t, read(t, "azure.yaml"))
	for _, hook := range []string{"preprovision", "predeploy", "postdeploy"} {
		posix, windows := "hooks."+hook+".posix.", "hooks."+hook+".windows."
		same(t, hook+" on POSIX", settings[posix+"shell"], "sh")
		same(t, hook+" on Windows", settings[windows+"shell"], "pwsh")
		same(t, hook+"'s command on Windows", settings[windows+"run"], settings[posix+"run"])
		program := regexp.MustCompile(`^go run \./(\S+)`).FindStringSubmatch(settings[posix+"run"])
		if program == nil {
			t.Errorf("%s runs %q", hook, settings[posix+"run"])
		} else if _, err := os.Stat(filepath.Join(root(t), program[1], "main.go")); err != nil {
			t.Errorf("%s: %v", hook, err)
		}
	}
}
