package infra

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"aoai-balancer/handler/internal/config"
)

// platformSettings are those that the Functions host and the Azure SDK read, not the handler.
func platformSettings() []string {
	return []string{
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
		"APPLICATIONINSIGHTS_CONNECTION_STRING",
		"AZURE_CLIENT_ID",
		"AzureWebJobsStorage__accountName",
		"AzureWebJobsStorage__clientId",
		"AzureWebJobsStorage__credential",
	}
}

// deployed stands in for Azure: it makes up what only a deployment knows.
func deployed(expression string) (any, error) {
	endpoint := regexp.MustCompile(`outputs\.endpoints\.value\[([0-9]+)\]$`).FindStringSubmatch(expression)
	switch {
	case endpoint != nil:
		return "https://account-" + endpoint[1] + ".openai.azure.com/", nil
	case regexp.MustCompile(`/vaults/[^/]+'.*\)\.vaultUri$`).MatchString(expression):
		return "https://vault.vault.azure.net/", nil
	case regexp.MustCompile(`/userAssignedIdentities/id-handler-[^/]+'.*\)\.clientId$`).MatchString(expression):
		return "00000000-0000-0000-0000-0000000000c1", nil
	case regexp.MustCompile(`/components/[^/]+'.*\)\.ConnectionString$`).MatchString(expression):
		return "InstrumentationKey=00000000-0000-0000-0000-0000000000a1", nil
	}
	return nil, fmt.Errorf("nobody knows %s", expression)
}

func appSettings(t *testing.T, name string) map[string]string {
	t.Helper()
	settings, err := snapshot(t, name).AppSettings(deployed)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestAppSettings_AreThoseThatTheHandlerReadsAndNoOthers(t *testing.T) {
	want := platformSettings()
	for _, s := range config.Settings() {
		want = append(want, s.Name)
	}
	slices.Sort(want)
	for _, name := range snapshots() {
		if got := slices.Sorted(maps.Keys(appSettings(t, name))); !slices.Equal(got, want) {
			t.Errorf("%s sets\n%v, want\n%v", name, got, want)
		}
	}
}

func TestAppSettings_HaveTheHandlersDefaultsUnlessChanged(t *testing.T) {
	got := appSettings(t, "default")
	for _, s := range config.Settings() {
		if s.Default != "" {
			same(t, s.Name, got[s.Name], s.Default)
		}
	}
	changed := appSettings(t, "three-instances")
	same(t, "LOG_LEVEL", changed["LOG_LEVEL"], "debug")
	same(t, "RETRY_STATUS", changed["RETRY_STATUS"], "400-599")
}

func TestAppSettings_AreAcceptedByTheHandler(t *testing.T) {
	for _, name := range snapshots() {
		settings := appSettings(t, name)
		c, err := config.Load(func(name string) string { return settings[name] })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !c.Counter.Configured() || c.Counter.ClientID == "" {
			t.Errorf("%s: the counter has no storage, or no identity to open it with", name)
		}
	}
}

func TestAppSettings_EachInstanceIsABackend(t *testing.T) {
	settings := appSettings(t, "three-instances")
	c, err := config.Load(func(name string) string { return settings[name] })
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(c.Backends))
	for i, b := range c.Backends {
		same(t, "host of "+b.Name, b.Endpoint.Host, "account-"+strconv.Itoa(i)+".openai.azure.com")
		got = append(got, fmt.Sprintf("%s %d %d %s", b.Name, b.Priority, b.Weight, b.Secret))
	}
	want := []string{"ptu 1 1 openai-api-key-ptu", "weu 2 3 openai-api-key-weu", "eus 2 1 openai-api-key-eus"}
	if !slices.Equal(got, want) {
		t.Errorf("backends (name, priority, weight, secret) are %q, want %q", got, want)
	}
	same(t, "ptu's name for the deployment", c.Backends[0].Deployments["gpt-5.4-mini"], "gpt-5-4-mini-ptu")
}

func TestAppSettings_EntraBackendsHaveNoSecret(t *testing.T) {
	var backends []map[string]any
	if err := json.Unmarshal([]byte(appSettings(t, "entra")["OPENAI_BACKENDS"]), &backends); err != nil {
		t.Fatal(err)
	}
	for _, b := range backends {
		if _, secret := b["secret"]; secret || b["auth"] != "entra" {
			t.Errorf("backend %v wants a key", b)
		}
	}
	same(t, "number of backends", len(backends), 2)
}
