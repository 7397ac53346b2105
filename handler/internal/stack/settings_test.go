package stack

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/config"
	"aoai-balancer/handler/internal/simulator"
)

// environment is what a handler reads of the settings.
func environment(s Settings) func(string) string {
	variables := s.Environment()
	slices.Reverse(variables) // the last one counts
	return func(name string) string {
		for _, v := range variables {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestSettings_AreThoseOfTheHandlerAndNothingOfTheShell(t *testing.T) {
	t.Setenv("OPENAI_BACKENDS", "not for this handler")
	t.Setenv("MAX_RETRIES", "99")
	t.Setenv("AZURE_CLIENT_ID", "a developer's own")
	west, east := &Backend{Name: "west", URL: "http://127.0.0.1:1", Key: "w"}, &Backend{Name: "east", URL: "http://127.0.0.1:2", Key: "e"}

	get := environment(NewSettings(west, east).WithCounter("UseDevelopmentStorage=true"))
	c, err := config.Load(get)
	if err != nil || len(c.Backends) != 2 || c.Backends[1].Key != "e" || c.Backends[1].Endpoint.Host != "127.0.0.1:2" ||
		c.Counter.ConnectionString != "UseDevelopmentStorage=true" || c.MaxRetries == 99 {
		t.Errorf("the handler reads %+v (%v)", c, err)
	}
	if id := get("AZURE_CLIENT_ID"); id != "" {
		t.Errorf("the shell's AZURE_CLIENT_ID %q is passed on", id)
	}

	c, err = config.Load(environment(NewVaultSettings([]string{"KEY_VAULT_URI=https://127.0.0.1:3", "X=a=b"}, west)))
	if err != nil || c.Backends[0].Secret != "west" || c.Backends[0].Key != "" || c.KeyVaultURI != "https://127.0.0.1:3" {
		t.Errorf("with a vault the handler reads %+v (%v)", c, err)
	}
}

func TestBackend_AcceptsItsKeyAndItsRemoteControl(t *testing.T) {
	b, err := StartBackend(t.Context(), "west", simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	for _, row := range []struct {
		method, path, key string
		want              int
	}{
		{http.MethodPost, "/openai/deployments/a/chat/completions?api-version=1", b.Key, http.StatusOK},
		{http.MethodPost, "/openai/deployments/a/chat/completions?api-version=1", "another", http.StatusUnauthorized},
		{http.MethodGet, "/simulator/calls", "", http.StatusOK},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, b.URL+row.path, strings.NewReader(`{"messages":[]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("api-key", row.key)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != row.want {
			t.Errorf("%s %s with key %q was answered %d", row.method, row.path, row.key, response.StatusCode)
		}
	}
	if b.Stop(); b.Calls() != 2 {
		t.Errorf("it counted %d calls", b.Calls())
	}
	b.Stop()
}
