package credential_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/simulator"
)

// childVariable makes this test program the process that TestSDK_RunsUnchanged starts.
const childVariable = "CREDENTIAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	vault() // before any certificate is checked
	os.Exit(m.Run())
}

// vault is the one whose environment this process is in. The certificates that the system trusts are read once in a
// process, so it is the same for all tests, and it ends with the process.
//
//nolint:gochecknoglobals // it never changes
var vault = sync.OnceValue(func() *simulator.Vault {
	v, err := simulator.NewVault()
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "vault-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if _, err := v.CertificateFile(dir); err != nil {
		panic(err)
	}
	for _, variable := range v.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		_ = os.Setenv(name, value)
	}
	if _, err := x509.SystemCertPool(); err != nil { // reads the file
		panic(err)
	}
	return v
})

// child reads a secret as any Azure program does: with both SDKs as they come.
func child() int {
	began := time.Now()
	tokens, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	client, err := azsecrets.NewClient(os.Getenv("KEY_VAULT_URI"), tokens, nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	answer, err := client.GetSecret(context.Background(), "child", "", nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("%s in %s", *answer.Value, time.Since(began))
	return 0
}

func needsCertificateFile(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go takes certificates from the system's own store here, not from SSL_CERT_FILE")
	}
}

func TestSDK_RunsUnchangedInTheVaultsEnvironment(t *testing.T) {
	needsCertificateFile(t)
	vault().SetSecret("child", "secret-value")
	if _, err := vault().CertificateFile(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program)
	command.Env = append(vault().Environment(), childVariable+"=1")
	printed, err := command.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(printed), "secret-value in ") {
		t.Errorf("%v: %s", err, printed)
	}
	t.Logf("the child's first secret: %s", printed)
}

// news is what a source told its log, one entry an event.
type news chan string

func (n news) log(event string, err error) {
	if err != nil {
		event = err.Error()
	}
	n <- event
}

func (n news) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-n:
		if got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("not told %q", want)
	}
}

// realSource is a secret read with the real SDKs from a vault, and not started yet.
func realSource(t *testing.T, uri, name, clientID string) (*credential.Source, news) {
	t.Helper()
	needsCertificateFile(t)
	client, err := credential.VaultClient(uri, mustIdentity(t, clientID))
	if err != nil {
		t.Fatal(err)
	}
	told := make(news, 100)
	return credential.Secret(client, name, credential.Options{Log: told.log}), told
}

func TestSDK_ReadsARealSecretAndItsRenewal(t *testing.T) {
	vault().SetSecret("rotated", "first\n")
	before := vault().Requests("rotated")
	s, told := realSource(t, vault().URL(), "rotated", "")
	began := time.Now()
	s.Start(t.Context())
	refused := wantHeader(t.Context(), t, s, "first")
	t.Logf("the first secret took %v", time.Since(began))
	told.want(t, "credential_ready")
	vault().SetSecret("rotated", "second")
	if !s.Renew(t.Context(), refused) {
		t.Error("not renewed")
	}
	wantHeader(t.Context(), t, s, "second")
	told.want(t, "credential_changed")
	if n := vault().Requests("rotated") - before; n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestSDK_AVaultsRefusalsBecomeClasses(t *testing.T) {
	for name, tc := range map[string]struct {
		step simulator.VaultStep
		want string
	}{
		"role":      {simulator.VaultStep{Status: 403}, "vault answered 403 Forbidden (ForbiddenByRbac)"},
		"firewall":  {simulator.VaultStep{Status: 403, InnerCode: "ForbiddenByFirewall"}, "vault answered 403 Forbidden (ForbiddenByFirewall)"},
		"odd-code":  {simulator.VaultStep{Status: 403, InnerCode: "a.host.example"}, "vault answered 403 Forbidden"},
		"throttled": {simulator.VaultStep{Status: 429, RetryAfter: time.Hour}, "vault answered 429 Too Many Requests"},
		"broken":    {simulator.VaultStep{Status: 503}, "vault answered 503 Service Unavailable"},
		"garbage":   {simulator.VaultStep{Body: "<html>"}, "vault's answer not understood"},
		"endless":   {simulator.VaultStep{Body: `{"value":"` + strings.Repeat("x", 300<<10) + `"}`}, "vault's answer not understood"},
		"redirect":  {simulator.VaultStep{Status: 302, Location: vault().URL() + "/secrets/role/"}, "vault answered 302 Found"},
		"cut":       {simulator.VaultStep{Drop: true, Times: 2}, "vault not reached"}, // net/http sends it a second time
	} {
		t.Run(name, func(t *testing.T) {
			s, told := realSource(t, vault().URL(), name, "")
			vault().SetSecret(name, "secret-value")
			vault().Script(name, tc.step)
			s.Start(t.Context())
			told.want(t, tc.want)
		})
	}
}

func TestSDK_ARoleThatIsStillSpreadingIsWaitedFor(t *testing.T) {
	vault().SetSecret("spreading", "secret-value")
	vault().Script("spreading", simulator.VaultStep{Status: 403})
	s, told := realSource(t, vault().URL(), "spreading", "")
	s.Start(t.Context())
	wantHeader(t.Context(), t, s, "secret-value")
	told.want(t, "vault answered 403 Forbidden (ForbiddenByRbac)")
	told.want(t, "credential_ready")
}

func TestSDK_AMissingSecretIsNotFound(t *testing.T) {
	s, told := realSource(t, vault().URL(), "missing", "")
	s.Start(t.Context())
	told.want(t, "secret not found")
}

func TestSDK_AMalformedChallengeEndsNothing(t *testing.T) {
	s, told := realSource(t, vault().URL(), "challenged", "")
	vault().SetSecret("challenged", "secret-value")
	vault().SetChallenge(`Bearer authorization="nonsense", resource="` + resource() + `"`)
	s.Start(t.Context())
	told.want(t, "credential library failed")
	vault().SetChallenge("")
	wantHeader(t.Context(), t, s, "secret-value")
}

func TestSDK_AChallengeForAnotherVaultIsRefused(t *testing.T) {
	defer vault().SetChallenge("")
	for _, foreign := range []string{"https://vault.example", "https://127.0.0.1.example", "https://0.0.1:1"} {
		t.Run(foreign, func(t *testing.T) {
			s, told := realSource(t, vault().URL(), "challenged", "")
			vault().SetChallenge(`Bearer authorization="https://login.example/t", resource="` + foreign + `"`)
			s.Start(t.Context())
			told.want(t, "vault's answer not understood")
		})
	}
}

// resource is what the vault's challenge names when nothing is wrong with it.
func resource() string { return strings.Replace(vault().URL(), "127.0.0.1", "0.0.1", 1) }

func TestSDK_AVaultThatIsNotThere(t *testing.T) {
	stranger, err := simulator.NewVault()
	if err != nil {
		t.Fatal(err)
	}
	s, told := realSource(t, stranger.URL(), "any", "")
	s.Start(t.Context())
	told.want(t, "vault not reached: certificate not trusted")
	if err := stranger.Close(); err != nil {
		t.Error(err)
	}
	told.want(t, "vault not reached: connection refused")
}

func TestSDK_AnIdentityThatDoesNotAnswerWell(t *testing.T) {
	// Only its identity is used. Every client id is new, since the SDK remembers a client's tokens for the whole process.
	other, err := simulator.NewVault()
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range other.Environment()[:2] {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	other.ScriptIdentity(simulator.VaultStep{Status: 400})
	secret, told := realSource(t, vault().URL(), "any", rand.Text())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	secret.Start(ctx)
	told.want(t, "identity answered 400 Bad Request")
	stop()

	other.ScriptIdentity(simulator.VaultStep{Status: 500, Times: 2}) // the SDK asks twice
	told = make(news, 100)
	s := credential.Entra(mustIdentity(t, rand.Text()), credential.Options{Log: told.log})
	s.Start(t.Context())
	told.want(t, "identity answered 500 Internal Server Error")
	told.want(t, "credential_ready")
	h, err := s.Header(t.Context())
	token, ok := strings.CutPrefix(h.Value, "Bearer ")
	if err != nil || !ok || !other.ValidToken(token, "https://cognitiveservices.azure.com") {
		t.Errorf("header %v, error %v", h, err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	away := credential.Entra(mustIdentity(t, rand.Text()), credential.Options{Log: told.log})
	away.Start(t.Context())
	told.want(t, "identity not available")
}

func mustIdentity(t *testing.T, clientID string) azcore.TokenCredential {
	t.Helper()
	tokens, err := credential.Identity(clientID)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}
