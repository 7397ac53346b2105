package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

func TestVaultIdentity_GivesTokensForAnyResource(t *testing.T) {
	c := newVaultCaller(t)
	const resource = "https://cognitiveservices.azure.com"
	reply := c.tokenQuery("api-version=2019-08-01&client_id=some-client&resource=" + url.QueryEscape(resource))
	var answer map[string]string
	if err := json.Unmarshal([]byte(reply.body), &answer); err != nil {
		t.Fatal(err, reply)
	}
	token := answer["access_token"]
	if answer["client_id"] != "some-client" || answer["resource"] != resource || answer["token_type"] != "Bearer" {
		t.Errorf("answer %v", answer)
	}
	seconds, err := strconv.ParseInt(answer["expires_on"], 10, 64)
	if left := time.Until(time.Unix(seconds, 0)); err != nil || left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("expires in %v (%v)", left, err)
	}
	if !c.vault.ValidToken(token, resource) || c.vault.ValidToken(token, c.challengedResource()) {
		t.Error("a token is good for its own resource, and for that alone")
	}
	if c.tokenFor(resource) == token {
		t.Error("the same token twice")
	}
	if n := c.vault.Tokens(); n != 2 {
		t.Errorf("%d tokens", n)
	}
}

func TestVaultIdentity_OldAndRevokedTokensAreNoGood(t *testing.T) {
	c := newVaultCaller(t)
	const resource = "https://cognitiveservices.azure.com"
	token := c.tokenFor(resource)
	c.vault.RevokeTokens()
	if c.vault.ValidToken(token, resource) {
		t.Error("a revoked token is good")
	}
	c.vault.SetTokenLifetime(-time.Second)
	if c.vault.ValidToken(c.tokenFor(resource), resource) {
		t.Error("an expired token is good")
	}
	if c.vault.ValidToken("", resource) || c.vault.ValidToken("a.b.c", resource) {
		t.Error("nonsense is good")
	}
}

func TestVaultIdentity_Refuses(t *testing.T) {
	c := newVaultCaller(t)
	stranger := c.mustGet(c.variable("IDENTITY_ENDPOINT")+"?api-version=2019-08-01&resource=r", "X-IDENTITY-HEADER", "guessed")
	if stranger.status != http.StatusUnauthorized {
		t.Errorf("without the header's value: %+v", stranger)
	}
	for _, query := range []string{"", "resource=r", "api-version=2019-08-01", "api-version=2017-09-01&resource=r"} {
		if reply := c.tokenQuery(query); reply.status != http.StatusBadRequest {
			t.Errorf("query %q: %+v", query, reply)
		}
	}
	c.vault.ScriptIdentity(simulator.VaultStep{Status: 500})
	if reply := c.tokenQuery("api-version=2019-08-01&resource=r"); reply.status != http.StatusInternalServerError {
		t.Errorf("scripted: %+v", reply)
	}
}

func FuzzVault_ValidTokenTakesNoForeignToken(f *testing.F) {
	v, err := simulator.NewVault()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = v.Close() })
	f.Add("")
	f.Add("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.")
	f.Add("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJyIn0.AAAA")
	f.Fuzz(func(t *testing.T, token string) {
		if v.ValidToken(token, "r") {
			t.Errorf("%q is good", token)
		}
	})
}
