package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/config"
	"aoai-balancer/handler/internal/simulator"
)

// started runs the program in the background with these settings and returns its address.
func started(t *testing.T, settings map[string]string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	lines, stdout := io.Pipe()
	ended := make(chan error, 1)
	settings["FUNCTIONS_CUSTOMHANDLER_PORT"] = "0"
	go func() {
		ended <- run(ctx, func(name string) string { return settings[name] }, stdout)
		_ = stdout.Close()
	}()
	t.Cleanup(func() {
		stop()
		_, _ = io.Copy(io.Discard, lines)
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		var line struct{ Event, Address string }
		if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Event == "listening" {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return "http://" + line.Address
		}
	}
	t.Fatal("it never listened")
	return ""
}

func TestRun_CallsTakeTurnsOverTheBackends(t *testing.T) {
	west, east := simulator.New(simulator.Options{Keys: []string{"key-w"}}), simulator.New(simulator.Options{Keys: []string{"key-e"}})
	w, e := httptest.NewServer(west), httptest.NewServer(east)
	defer w.Close()
	defer e.Close()
	gateway := started(t, map[string]string{"OPENAI_BACKENDS": `[{"name":"west","endpoint":"` + w.URL + `","key":"key-w"},{"name":"east","endpoint":"` + e.URL + `","key":"key-e"}]`})
	for range 10 {
		resp, err := http.Post(gateway+"/openai/deployments/gpt/chat/completions?api-version=2024-10-21", "application/json",
			strings.NewReader(`{"messages":[{"role":"user","content":"hello"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("answered %d", resp.StatusCode)
		}
	}
	if west.Calls() != 5 || east.Calls() != 5 {
		t.Errorf("west %d, east %d", west.Calls(), east.Calls())
	}
}

// A vault and a table that are away hold nothing up: the program listens, and its readiness ping is answered.
func TestRun_ListensWithTheVaultAndTheTableAway(t *testing.T) {
	gateway := started(t, map[string]string{
		"OPENAI_BACKENDS":     `[{"name":"west","endpoint":"https://127.0.0.1:1","secret":"name"}]`,
		"KEY_VAULT_URI":       "https://127.0.0.1:1",
		"AzureWebJobsStorage": "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1",
		"COUNTER_TABLE":       "away",
	})
	resp, err := http.Get(gateway + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestRun_WrongSettingsAreLoggedOneByOneAndEndTheProgram(t *testing.T) {
	var out strings.Builder
	settings := map[string]string{"OPENAI_BACKENDS": `[{"name":"a","endpoint":"https://a.example","key":"top secret"}]`, "RETRY_INTERVAL": "soon"}
	err := run(t.Context(), func(name string) string { return settings[name] }, &out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if err == nil || len(lines) != 2 || strings.Contains(out.String(), "top secret") {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	for i, name := range []string{"OPENAI_BACKENDS", "RETRY_INTERVAL"} {
		var line struct{ Event, Problem string }
		if json.Unmarshal([]byte(lines[i]), &line) != nil || line.Event != "start_failed" || !strings.HasPrefix(line.Problem, name+": ") {
			t.Errorf("line %d is %s", i, lines[i])
		}
	}
}

func TestRun_APortInUseEndsTheProgram(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(taken.URL, "http://"), ":")
	settings := map[string]string{"OPENAI_BACKENDS": `[{"name":"a","endpoint":"https://a.example","key":"k"}]`, "FUNCTIONS_CUSTOMHANDLER_PORT": port}
	if err := run(t.Context(), func(name string) string { return settings[name] }, io.Discard); err == nil {
		t.Error("no error")
	}
}

// The sample settings, the README's table and what the program reads are the same list.
func TestSettings_SampleAndReadmeListThemAll(t *testing.T) {
	sample := struct{ Values map[string]string }{}
	read := func(name string) []byte {
		text, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if err := json.Unmarshal(read("local.settings.sample.json"), &sample); err != nil {
		t.Fatal(err)
	}
	readme := string(read("README.md"))
	for _, s := range config.Settings() {
		value, ok := sample.Values[s.Name]
		if !ok || (s.Default != "" && value != s.Default) {
			t.Errorf("the sample has %s=%q, the default is %q", s.Name, value, s.Default)
		}
		if row := "| `" + s.Name + "` | "; !strings.Contains(readme, row) || (s.Default != "" && !strings.Contains(readme, row+"`"+s.Default+"`")) {
			t.Errorf("the README's table lacks %s with the default %s", s.Name, s.Default)
		}
		delete(sample.Values, s.Name)
	}
	for _, platform := range []string{"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"} {
		delete(sample.Values, platform)
	}
	if len(sample.Values) > 0 {
		t.Errorf("the sample has settings that nobody reads: %v", sample.Values)
	}
}
