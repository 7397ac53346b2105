package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/infra"
	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

const functionKey = "the-function-key"

// The package that Azure runs, under the real host, with the app settings of the compiled template: only what a
// deployment would fill in is filled in with local values.
func TestDeployment_ThePackageRunsWithTheTemplatesSettings(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the package is for linux/amd64")
	}
	stack.NeedFunc(t)
	ctx := bounded(t, 3*time.Minute)
	archive := pack(ctx, t)
	snapshot, err := infra.ReadSnapshot(product.root, "default")
	if err != nil {
		t.Fatal(err)
	}
	weu, eus := backends(t, simulator.Options{})
	settings := templateSettings(t, snapshot, weu, eus)
	t.Run("OpenToAll", func(t *testing.T) {
		p, err := stack.StartPackage(ctx, archive, "", settings)
		running(t, p, err)
		alternates(ctx, t, p.URL)
	})
	t.Run("BehindTheFunctionKey", func(t *testing.T) {
		p, err := stack.StartPackage(ctx, archive, functionKey, settings)
		running(t, p, err)
		for path, want := range map[string]int{chatPath: http.StatusUnauthorized, chatPath + "&code=" + functionKey: http.StatusOK, "/healthz": http.StatusUnauthorized, "/status": http.StatusUnauthorized, "/status.json": http.StatusUnauthorized} {
			if a, err := call(ctx, p.URL+path, chatBody); err != nil || a.status != want {
				t.Errorf("%s: %d, %v", path, a.status, err)
			}
		}
		t.Run("TheStatusPagePassesItsKeyOn", func(t *testing.T) {
			showsStatus(ctx, t, p.URL+"/status?code="+functionKey, "gpt")
		})
		statusIsNotForCallers(ctx, t, p.URL)
		t.Run("ThroughAPIManagement", func(t *testing.T) {
			gateway := httptest.NewServer(apiManagement(t, snapshot, p.URL))
			defer gateway.Close()
			alternates(ctx, t, gateway.URL)
			officialClients(ctx, t, gateway.URL, weu, eus)
		})
	})
}

// statusIsNotForCallers: the host resolves the dots of a path, so API Management's own function key could open the status
// to its callers. Its policy says what comes through it.
func statusIsNotForCallers(ctx context.Context, t *testing.T, host string) {
	t.Helper()
	for gateway, want := range map[string]int{"": http.StatusOK, "api-management": http.StatusNotFound} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, host+"/openai/%2e%2e/status.json", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("x-functions-key", functionKey)
		request.Header.Set("x-aoai-gateway", gateway)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("with the header %q: %d, want %d", gateway, response.StatusCode, want)
		}
	}
}

// pack runs the project's own packer.
func pack(ctx context.Context, t *testing.T) (archive string) {
	t.Helper()
	out := t.TempDir()
	cmd := exec.CommandContext(ctx, "go", "run", "./handler/cmd/pack", "-out", out)
	cmd.Dir = product.root
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pack: %v\n%s", err, said)
	}
	return filepath.Join(out, "app.zip")
}

// alternates makes calls that have to take turns.
func alternates(ctx context.Context, t *testing.T, base string) {
	t.Helper()
	previous := ""
	for i := range 6 {
		a := mustServe(ctx, t, base)
		if a.backend() == previous {
			t.Errorf("call %d went to %s again", i, previous)
		}
		previous = a.backend()
	}
}

// templateSettings gives the template's settings, with a vault that holds the keys under the template's names, and the
// counter in Azurite.
func templateSettings(t *testing.T, snapshot infra.Snapshot, backends ...*stack.Backend) stack.Settings {
	t.Helper()
	storage := stack.NeedAzurite(t)
	vault, local := vaultSettings(t, backends...)
	values, err := snapshot.AppSettings(func(expression string) (any, error) {
		endpoint := regexp.MustCompile(`outputs\.endpoints\.value\[([01])\]$`).FindStringSubmatch(expression)
		switch {
		case endpoint != nil:
			return backends[endpoint[1][0]-'0'].URL, nil
		case strings.HasSuffix(expression, ".vaultUri"):
			return vault.URL(), nil
		case strings.HasSuffix(expression, ".clientId"):
			return "00000000-0000-0000-0000-0000000000c1", nil
		case strings.HasSuffix(expression, ".ConnectionString"):
			return "", nil
		}
		return nil, errors.New("nobody knows " + expression)
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range secretNames(t, values["OPENAI_BACKENDS"]) {
		vault.SetSecret(secret, backends[i].Key)
	}
	settings := stack.Settings{}
	for name, value := range values {
		if !strings.HasPrefix(name, "AzureWebJobsStorage") && !strings.HasPrefix(name, "APPLICATIONINSIGHTS") {
			settings[name] = value
		}
	}
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "SSL_CERT_FILE"} {
		settings[name] = local[name]
	}
	return settings.WithCounter(storage.ConnectionString())
}

func secretNames(t *testing.T, backends string) []string {
	t.Helper()
	var entries []struct{ Secret string }
	if err := json.Unmarshal([]byte(backends), &entries); err != nil || len(entries) != 2 {
		t.Fatalf("the template configures %s: %v", backends, err)
	}
	return []string{entries[0].Secret, entries[1].Secret}
}

// apiManagement does to a call what the template tells API Management to do: ask for the subscription key, strip the
// API's path, and send it to the backend with the function key and without the caller's.
func apiManagement(t *testing.T, snapshot infra.Snapshot, functionApp string) http.Handler {
	t.Helper()
	api := snapshot.OfType("Microsoft.ApiManagement/service/apis")[0]
	backend := snapshot.OfType("Microsoft.ApiManagement/service/backends")[0]
	keyHeader, _ := api.At("subscriptionKeyParameterNames.header").(string)
	path, _ := api.At("path").(string)
	credentials, _ := backend.At("credentials.header").(map[string]any)
	suffix := regexp.MustCompile(`'https://\{0\}/\{1\}', .*, '([^']*)'\)\]$`).FindStringSubmatch(backend.Text("url"))
	target, err := url.Parse(functionApp)
	if err != nil || len(suffix) != 2 || path == "" || keyHeader == "" || len(credentials) != 1 {
		t.Fatalf("the template's API Management is not understood: %s, %v", backend.Text("url"), err)
	}
	target.Path = "/" + suffix[1]
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/"+path)
		r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.RawPath, "/"+path)
		r.SetURL(target)
		r.Out.Header.Del(keyHeader)
		r.Out.Header.Del("Authorization")
		for name := range credentials {
			r.Out.Header.Set(name, functionKey)
		}
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/"+path+"/") || (r.Header.Get(keyHeader) == "" && r.Header.Get("Authorization") == "") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}
