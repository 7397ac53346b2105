package stack

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"

	"aoai-balancer/handler/internal/config"
)

// Settings are app settings: environment variables of a handler by name.
type Settings map[string]string

// counterConnection is the connection that Counter sets. It is not AzureWebJobsStorage, which the Functions host wants
// for itself and at the usual ports.
const counterConnection = "LocalCounter"

// NewSettings configures the backends with their keys as literals. The counter is in memory.
func NewSettings(backends ...*Backend) Settings {
	return Settings{"OPENAI_BACKENDS": backendsJSON(backends, func(b *Backend, entry map[string]string) { entry["key"] = b.Key })}
}

// NewVaultSettings configures the backends with Key Vault secrets that bear their names. The environment is that of the
// vault: how to reach it and how to be trusted by it, as in NAME=value.
func NewVaultSettings(environment []string, backends ...*Backend) Settings {
	s := Settings{"OPENAI_BACKENDS": backendsJSON(backends, func(b *Backend, entry map[string]string) { entry["secret"] = b.Name })}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		s[name] = value
	}
	return s
}

// With gives a copy with one more setting.
func (s Settings) With(name, value string) Settings {
	copied := maps.Clone(s)
	copied[name] = value
	return copied
}

// WithCounter gives a copy whose counter is in the storage account of a connection string.
func (s Settings) WithCounter(connectionString string) Settings {
	return s.With("COUNTER_CONNECTION", counterConnection).With(counterConnection, connectionString)
}

func backendsJSON(backends []*Backend, credential func(*Backend, map[string]string)) string {
	entries := make([]map[string]string, len(backends))
	for i, b := range backends {
		entries[i] = map[string]string{"name": b.Name, "endpoint": b.URL}
		credential(b, entries[i])
	}
	text, err := json.Marshal(entries)
	if err != nil {
		panic(err) // maps of strings always have a JSON form
	}
	return string(text)
}

// Environment is this process's environment with the settings, and without what a developer's shell or an earlier
// setting might say to a handler beside them.
func (s Settings) Environment() []string {
	clean := slices.DeleteFunc(os.Environ(), s.replaces)
	for name, value := range s {
		clean = append(clean, name+"="+value)
	}
	return clean
}

// withoutSettings is the environment for a Functions host: it takes the settings from a file, but only those that its
// own environment does not have.
func (s Settings) withoutSettings() []string {
	return slices.DeleteFunc(os.Environ(), s.replaces)
}

func (s Settings) replaces(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	if _, set := s[name]; set {
		return true
	}
	for _, setting := range config.Settings() {
		if name == setting.Name {
			return true
		}
	}
	for _, prefix := range [...]string{
		"AZURE_", "IDENTITY_", "MSI_", "IMDS_", "WEBSITE_", "AzureWebJobs", "AzureFunctionsJobHost__",
		"FUNCTIONS_CUSTOMHANDLER_", "FUNCTIONS_HTTPWORKER_", "FUNCTIONS_WORKER_RUNTIME",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
