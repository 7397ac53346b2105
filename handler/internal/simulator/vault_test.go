package simulator_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// vaultCaller is what an Azure SDK is to a vault.
type vaultCaller struct {
	t      *testing.T
	vault  *simulator.Vault
	client *http.Client
}

func newVaultCaller(t *testing.T) vaultCaller {
	t.Helper()
	v, err := simulator.NewVault()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: v.Certificates()}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := errors.Join(v.Close(), v.Close()); err != nil {
			t.Error(err)
		}
	})
	return vaultCaller{t, v, &http.Client{Transport: transport}}
}

type vaultReply struct {
	status int
	header http.Header
	body   string
}

func (c vaultCaller) get(ctx context.Context, address, header, value string) (vaultReply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return vaultReply{}, err
	}
	req.Header.Set(header, value)
	res, err := c.client.Do(req)
	if err != nil {
		return vaultReply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return vaultReply{res.StatusCode, res.Header, string(body)}, err
}

func (c vaultCaller) mustGet(address, header, value string) vaultReply {
	c.t.Helper()
	reply, err := c.get(c.t.Context(), address, header, value)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply
}

func (c vaultCaller) secret(path, token string) vaultReply {
	c.t.Helper()
	return c.mustGet(c.vault.URL()+"/secrets/"+path, "Authorization", "Bearer "+token)
}

func (c vaultCaller) variable(name string) string {
	c.t.Helper()
	for _, variable := range c.vault.Environment() {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	c.t.Fatalf("no %s in the environment", name)
	return ""
}

func (c vaultCaller) tokenQuery(query string) vaultReply {
	c.t.Helper()
	return c.mustGet(c.variable("IDENTITY_ENDPOINT")+"?"+query, "X-IDENTITY-HEADER", c.variable("IDENTITY_HEADER"))
}

// challengedResource is the resource that the vault's challenge names.
func (c vaultCaller) challengedResource() string {
	c.t.Helper()
	reply := c.secret("any/?api-version=7.4", "")
	_, resource, ok := strings.Cut(reply.header.Get("WWW-Authenticate"), `resource="`)
	if reply.status != http.StatusUnauthorized || !ok {
		c.t.Fatalf("no challenge: %+v", reply)
	}
	return strings.TrimSuffix(resource, `"`)
}

func (c vaultCaller) token() string {
	c.t.Helper()
	return c.tokenFor(c.challengedResource())
}

func (c vaultCaller) tokenFor(resource string) string {
	c.t.Helper()
	reply := c.tokenQuery("api-version=2019-08-01&resource=" + url.QueryEscape(resource))
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(reply.body), &answer); err != nil || answer.Token == "" {
		c.t.Fatalf("no token: %+v", reply)
	}
	return answer.Token
}

func wantVaultError(t *testing.T, got vaultReply, status int, code, inner string) {
	t.Helper()
	var body struct {
		Error struct {
			Code  string
			Inner struct{ Code string } `json:"innererror"`
		}
	}
	err := json.Unmarshal([]byte(got.body), &body)
	if err != nil || got.status != status || body.Error.Code != code || body.Error.Inner.Code != inner {
		t.Errorf("got %+v (%v), want %d %s %s", got, err, status, code, inner)
	}
}

func TestVault_ChallengeFitsTheVaultsHost(t *testing.T) {
	c := newVaultCaller(t)
	vault, err := url.Parse(c.vault.URL())
	if err != nil {
		t.Fatal(err)
	}
	resource, err := url.Parse(c.challengedResource())
	if err != nil || !strings.HasSuffix(vault.Host, "."+resource.Host) {
		t.Errorf("resource %v for the vault %v (%v)", resource, vault, err)
	}
	wantVaultError(t, c.secret("any/", "not.a-token"), http.StatusUnauthorized, "Unauthorized", "")
	if n := c.vault.Challenges(); n != 2 {
		t.Errorf("%d challenges", n)
	}
	c.vault.SetChallenge("Bearer nonsense")
	if got := c.secret("any/", "").header.Get("WWW-Authenticate"); got != "Bearer nonsense" {
		t.Errorf("challenge %q", got)
	}
}

func TestVault_GivesTheNewestVersionAndOlderOnesById(t *testing.T) {
	c := newVaultCaller(t)
	token := c.token()
	read := func(path string) (value, version string) {
		reply := c.secret(path+"?api-version=7.4", token)
		var bundle struct{ Value, ID string }
		if err := json.Unmarshal([]byte(reply.body), &bundle); err != nil || reply.status != http.StatusOK {
			t.Fatalf("%s: %+v", path, reply)
		}
		id, ok := strings.CutPrefix(bundle.ID, c.vault.URL()+"/secrets/")
		if !ok {
			t.Errorf("id %q", bundle.ID)
		}
		return bundle.Value, id[strings.Index(id, "/")+1:]
	}
	c.vault.SetSecret("Key-1", "first")
	value, version := read("key-1/")
	c.vault.SetSecret("key-1", "second")
	newest, _ := read("KEY-1")
	older, _ := read("key-1/" + version)
	if value != "first" || newest != "second" || older != "first" {
		t.Errorf("first %q, newest %q, older %q", value, newest, older)
	}
	if n := c.vault.Requests("key-1"); n != 3 {
		t.Errorf("%d requests", n)
	}
}

func TestVault_RefusesAsKeyVaultDoes(t *testing.T) {
	c := newVaultCaller(t)
	token := c.token()
	c.vault.SetSecret("key", "value")
	wantVaultError(t, c.secret("missing/?api-version=7.4", token), http.StatusNotFound, "SecretNotFound", "")
	wantVaultError(t, c.secret("key/0123?api-version=7.4", token), http.StatusNotFound, "SecretNotFound", "")
	wantVaultError(t, c.secret("key/", token), http.StatusBadRequest, "BadParameter", "")
	wantVaultError(t, c.secret("a_b/?api-version=7.4", token), http.StatusBadRequest, "BadParameter", "")
	wantVaultError(t, c.mustGet(c.vault.URL()+"/keys", "Accept", "*/*"), http.StatusNotFound, "NotFound", "")
}

func TestVault_ScriptsPlayInOrderThenAllIsWell(t *testing.T) {
	c := newVaultCaller(t)
	token := c.token()
	c.vault.SetSecret("key", "value")
	c.vault.SetSecret("other", "value")
	c.vault.Script("key",
		simulator.VaultStep{Status: 403, Times: 2},
		simulator.VaultStep{Status: 429, RetryAfter: 3 * time.Second},
		simulator.VaultStep{Status: 503},
		simulator.VaultStep{Body: "not json"},
		simulator.VaultStep{Delay: time.Millisecond},
	)
	ask := func() vaultReply { return c.secret("key/?api-version=7.4", token) }
	wantVaultError(t, ask(), http.StatusForbidden, "Forbidden", "ForbiddenByRbac")
	wantVaultError(t, ask(), http.StatusForbidden, "Forbidden", "ForbiddenByRbac")
	throttled := ask()
	wantVaultError(t, throttled, http.StatusTooManyRequests, "Throttled", "")
	if got := throttled.header.Get("Retry-After"); got != "3" {
		t.Errorf("Retry-After %q", got)
	}
	wantVaultError(t, ask(), http.StatusServiceUnavailable, "ServiceUnavailable", "")
	if got := ask(); got.status != http.StatusOK || got.body != "not json" {
		t.Errorf("got %+v", got)
	}
	for range 2 {
		if got := ask(); got.status != http.StatusOK || !strings.Contains(got.body, `"value":"value"`) {
			t.Errorf("got %+v", got)
		}
	}
	c.vault.Script("", simulator.VaultStep{Status: 500, Times: -1})
	wantVaultError(t, ask(), http.StatusInternalServerError, "InternalServerError", "")
	wantVaultError(t, c.secret("other/?api-version=7.4", token), http.StatusInternalServerError, "InternalServerError", "")
	c.vault.Script("")
	if got := ask(); got.status != http.StatusOK {
		t.Errorf("got %+v", got)
	}
}

func TestVault_DropCutsTheConnection(t *testing.T) {
	c := newVaultCaller(t)
	token := c.token()
	c.vault.Script("key", simulator.VaultStep{Drop: true, Times: -1})
	if reply, err := c.get(t.Context(), c.vault.URL()+"/secrets/key/", "Authorization", "Bearer "+token); err == nil {
		t.Errorf("answered %+v", reply)
	}
}

func TestVault_HangEndsWithTheCallerOrTheVault(t *testing.T) {
	c := newVaultCaller(t)
	token := c.token()
	c.vault.Script("key", simulator.VaultStep{Hang: true, Times: -1})
	hang := func(ctx context.Context) error {
		_, err := c.get(ctx, c.vault.URL()+"/secrets/key/", "Authorization", "Bearer "+token)
		return err
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := hang(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an impatient caller: %v", err)
	}
	sent, ended := make(chan struct{}), make(chan error)
	traced := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) },
	})
	go func() { ended <- hang(traced) }()
	<-sent
	if err := c.vault.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a patient caller was answered")
	}
}

func TestVault_EnvironmentNamesTheCertificateOnceItIsWritten(t *testing.T) {
	c := newVaultCaller(t)
	names := func() (names []string) {
		for _, variable := range c.vault.Environment() {
			name, _, _ := strings.Cut(variable, "=")
			names = append(names, name)
		}
		return names
	}
	before := []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "KEY_VAULT_URI"}
	if got := names(); !slices.Equal(got, before) {
		t.Errorf("variables %v", got)
	}
	file, err := c.vault.CertificateFile(t.TempDir())
	if err != nil || !slices.Equal(names(), append(before, "SSL_CERT_FILE")) || c.variable("SSL_CERT_FILE") != file {
		t.Errorf("file %q (%v), variables %v", file, err, names())
	}
}
