package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// azure is a shell whose Azure CLI answers from a table and whose Azure Resource Manager and gateway are real servers
// on loopback.
type azure struct {
	shell
	said    strings.Builder
	ran     []string          // commands, without their flags
	answers map[string]string // by command without flags; "!" and a text is a failure
	env     map[string]string
	waited  int
}

func newAzure(t *testing.T, gateway http.HandlerFunc) *azure {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /openai/", gateway)
	mux.HandleFunc("GET /subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"properties":{"defaultHostName":"app.example.test"}}`)
	})
	mux.HandleFunc("POST /subscriptions/s/resourceGroups/rg/providers/Microsoft.Web/sites/app/host/default/listKeys", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"masterKey":"no","functionKeys":{"default":"a+key=="}}`)
	})
	mux.HandleFunc("POST /subscriptions/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token" || !strings.HasSuffix(r.URL.Path, "/service/apim/subscriptions/openai-sub/listSecrets") {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, `{"primaryKey":"the-key"}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a := &azure{answers: map[string]string{
		"az account get-access-token": "token",
		"az account show":             "the-subscription",
		"az deployment sub show":      deployedOutputs(server.URL),
	}}
	a.env = map[string]string{
		"GATEWAY_URL": server.URL, "GATEWAY_KEY_HEADER": "api-key", "GATEWAY_CHAT_DEPLOYMENT": "chat",
		"AZURE_SUBSCRIPTION_ID": "s", "AZURE_RESOURCE_GROUP": "rg", "AZURE_API_MANAGEMENT_NAME": "apim",
		"AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME": "openai-sub", "AZURE_FUNCTION_APP_NAME": "app",
	}
	a.shell = shell{
		run: a.runFake, getenv: func(name string) string { return a.env[name] }, pause: a.pauseFake,
		client: server.Client(), management: server.URL, out: &a.said,
	}
	return a
}

func deployedOutputs(url string) string {
	return fmt.Sprintf(`{"gatewaY_URL":{"value":%q},"azurE_RESOURCE_GROUP":{"value":"rg"},"AZURE_FUNCTION_APP_NAME":{"value":"func"},"apiManagementInstance":{"value":{}}}`, url)
}

func (a *azure) runFake(_ context.Context, program string, arguments ...string) (string, error) {
	command := strings.Join(append([]string{program}, firstWords(arguments)...), " ")
	a.ran = append(a.ran, command)
	answer := a.answers[command]
	if failure, failed := strings.CutPrefix(answer, "!"); failed {
		return "", errors.New(failure)
	}
	return answer, nil
}

func (a *azure) pauseFake(context.Context, time.Duration) error {
	if a.waited++; a.waited > 20 {
		return context.DeadlineExceeded
	}
	return nil
}

// serve answers as the gateway does, after the statuses given.
func serve(statuses ...int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if len(statuses) > 0 {
			status := statuses[0]
			statuses = statuses[1:]
			http.Error(w, "not now", status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("api-key") != "the-key" || strings.Contains(string(body), "max_tokens") || r.URL.Path != "/openai/deployments/chat/chat/completions" {
			http.Error(w, "wrong call", http.StatusBadRequest)
			return
		}
		w.Header().Set("x-aoai-backend", "weu")
		w.Header().Set("x-aoai-attempts", "1")
		if strings.Contains(string(body), `"stream":true`) {
			_, _ = io.WriteString(w, "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n")
			return
		}
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"By train."}}]}`)
	}
}

func (a *azure) must(t *testing.T, arguments ...string) string {
	t.Helper()
	if err := a.command(t.Context(), arguments); err != nil {
		t.Fatalf("%v\n%s", err, a.said.String())
	}
	return a.said.String()
}

func (a *azure) mustFail(t *testing.T, why string, arguments ...string) {
	t.Helper()
	if err := a.command(t.Context(), arguments); err == nil || !strings.Contains(err.Error(), why) {
		t.Fatalf("the error is %v, want one with %q\n%s", err, why, a.said.String())
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

func TestSmoke_FetchesTheKeyAndShowsWhoAnswered(t *testing.T) {
	said := newAzure(t, serve()).must(t, "smoke", "-calls", "2")
	contains(t, said, "backend weu, attempts 1", "By train.", "3 events")
	if n := strings.Count(said, "200 OK"); n != 3 || strings.Contains(said, "the-key") {
		t.Errorf("%d calls are shown, or the key is:\n%s", n, said)
	}
}

func TestSmoke_WaitsForANewGateway(t *testing.T) {
	a := newAzure(t, serve(http.StatusUnauthorized, http.StatusNotFound, http.StatusInternalServerError))
	contains(t, a.must(t, "smoke", "-calls", "1"), "trying again")
	if a.waited != 3 {
		t.Errorf("it waited %d times, want 3", a.waited)
	}
}

func TestSmoke_GivesUpInTime(t *testing.T) {
	a := newAzure(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	a.mustFail(t, "no success in time", "smoke")
}

func TestSmoke_ACallThatIsWrongIsNotRepeated(t *testing.T) {
	a := newAzure(t, serve(http.StatusBadRequest))
	a.mustFail(t, "400 Bad Request: not now", "smoke")
	if a.waited != 0 {
		t.Errorf("it waited %d times", a.waited)
	}
}

func TestSmoke_AStreamThatEndsEarlyIsAFailure(t *testing.T) {
	a := newAzure(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "data: {}\n\n") })
	a.mustFail(t, "without [DONE]", "smoke", "-calls", "0")
}

func TestSmoke_WithEntraCallersSendsATokenAndNoKey(t *testing.T) {
	var got http.Header
	a := newAzure(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	a.env["AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME"] = ""
	a.must(t, "smoke", "-calls", "0")
	if got.Get("Authorization") != "Bearer token" || got.Get("api-key") != "" {
		t.Errorf("the call has %v", got)
	}
}

func TestSmoke_TakesAnyAddressWithoutAzure(t *testing.T) {
	a := newAzure(t, serve())
	a.env["GATEWAY_KEY"] = "the-key"
	a.must(t, "smoke", "-url", a.env["GATEWAY_URL"]+"/", "-deployment", "chat")
	if len(a.ran) > 0 {
		t.Errorf("it ran %q", a.ran)
	}
}

func TestSmoke_TakesAzdsTokenWhereThereIsNoAzureCLI(t *testing.T) {
	a := newAzure(t, serve())
	a.answers["az account get-access-token"] = "!az is not installed"
	a.answers["azd auth token"] = `{"token":"token"}`
	a.must(t, "smoke")
}

func TestSmoke_ReadsAzdsEnvironmentOutsideItsHooks(t *testing.T) {
	a := newAzure(t, serve())
	for name, value := range a.env {
		a.answers["azd env get-values"] += fmt.Sprintf("%s=%q\n", name, value)
	}
	clear(a.env)
	a.must(t, "smoke")
}

func TestHint_ShowsAddressAndCallAndNoKey(t *testing.T) {
	a := newAzure(t, serve())
	said := a.must(t, "hint")
	contains(t, said, a.env["GATEWAY_URL"]+"/openai", "go run ./handler/cmd/gateway smoke")
	if len(a.ran) > 0 {
		t.Errorf("it ran %q", a.ran)
	}
}

func TestDeploy_PacksCreatesAndPublishesUntilTheRolesAreThere(t *testing.T) {
	a := newAzure(t, serve())
	const publish = "az functionapp deployment source config-zip"
	a.answers[publish] = "!403 Forbidden"
	a.mustFail(t, "403", "deploy", "-name", "w")
	if n := len(slices.DeleteFunc(slices.Clone(a.ran), func(c string) bool { return c != publish })); n != publishTries {
		t.Errorf("it published %d times, want %d", n, publishTries)
	}
	delete(a.answers, publish)
	a.ran = nil
	contains(t, a.must(t, "deploy", "-name", "w"), "/openai", "smoke -name w")
	want := []string{
		"az account show", "go run ./handler/cmd/pack", "az deployment sub create", "az deployment sub show", "az account show", publish,
	}
	if !slices.Equal(a.ran, want) {
		t.Errorf("it ran %q, want %q", a.ran, want)
	}
}

func TestTeardown_DeletesNothingUnasked(t *testing.T) {
	a := newAzure(t, serve())
	a.answers["az resource list"] = `[{"name":"kv","location":"westeurope","type":"Microsoft.KeyVault/vaults"}]`
	a.mustFail(t, "say -yes", "teardown", "-name", "w")
	contains(t, a.said.String(), "resource group rg", "kv (Microsoft.KeyVault/vaults)")
	if slices.Contains(a.ran, "az group delete") {
		t.Errorf("it ran %q", a.ran)
	}
}

func TestTeardown_PurgesWhatWouldKeepItsName(t *testing.T) {
	a := newAzure(t, serve())
	a.answers["az resource list"] = `[{"name":"kv","location":"l","type":"Microsoft.KeyVault/vaults"},
		{"name":"oai","location":"l","type":"Microsoft.CognitiveServices/accounts"},
		{"name":"apim","location":"l","type":"Microsoft.ApiManagement/service"}]`
	a.must(t, "teardown", "-name", "w", "-yes")
	for _, want := range []string{"az group delete", "az keyvault purge", "az cognitiveservices account purge", "az apim deletedservice purge"} {
		if !slices.Contains(a.ran, want) {
			t.Errorf("it did not run %q", want)
		}
	}
	a.ran, a.answers["az keyvault show-deleted"] = nil, "true"
	a.must(t, "teardown", "-name", "w", "-yes")
	if slices.Contains(a.ran, "az keyvault purge") {
		t.Error("it purged a protected vault")
	}
}

func TestCommand_UnknownOnesShowTheUsage(t *testing.T) {
	a := newAzure(t, serve())
	a.mustFail(t, "a command is needed", "fly")
	contains(t, a.said.String(), "usage:")
	a.mustFail(t, "-name is needed", "deploy")
	a.mustFail(t, "-name is needed", "teardown")
}

func FuzzDotenv(f *testing.F) {
	f.Add("A=\"b\"\nC=d\n")
	f.Add("=\n\"=")
	f.Fuzz(func(t *testing.T, text string) {
		for name := range dotenv(text) {
			if strings.ContainsAny(name, "=\n") {
				t.Errorf("name %q", name)
			}
		}
	})
}

func TestStatus_PrintsTheAddressOfThePageWithTheFunctionKey(t *testing.T) {
	a := newAzure(t, serve())
	if err := a.command(t.Context(), []string{"status"}); err != nil {
		t.Fatal(err)
	}
	if want := "https://app.example.test/status?code=a%2Bkey%3D%3D\n"; !strings.HasPrefix(a.said.String(), want) {
		t.Errorf("it said %q", a.said.String())
	}
	a.env["AZURE_FUNCTION_APP_NAME"] = "another"
	if err := a.command(t.Context(), []string{"status"}); err == nil || !strings.Contains(err.Error(), "looking for the function app: ") {
		t.Errorf("of an app that is not there: %v", err)
	}
}
