package infra

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// secretive finds functions that give secrets.
func secretive(text string) bool {
	return regexp.MustCompile(`(?i)\blist[A-Za-z]*\(|\bgetSecret\(`).MatchString(text)
}

func TestSecrets_NoOutputOfAnyModuleHoldsOne(t *testing.T) {
	template(t).Walk(func(path string, inside *Template) {
		for name, output := range inside.Outputs {
			text := string(marshal(t, output))
			if secretive(text) || strings.Contains(text, `"type":"secure`) {
				t.Errorf("output %s of module %q: %s", name, path, text)
			}
		}
	})
}

func TestSecrets_AreReadOnlyWhereTheyAreKeptSecret(t *testing.T) {
	for _, name := range snapshots() {
		for _, r := range snapshot(t, name).Resources {
			if secretive(string(marshal(t, r))) && !keepsSecret(r) {
				t.Errorf("%s: %s holds a secret in the open", name, r.ID)
			}
		}
	}
}

// keepsSecret tells secrets in the vault, and secret named values, whose only secret is their value.
func keepsSecret(r Resource) bool {
	rest := map[string]any{}
	for k, v := range r.Properties {
		if k != "value" {
			rest[k] = v
		}
	}
	text, err := json.Marshal(rest)
	kept := r.Type == "Microsoft.KeyVault/vaults/secrets" ||
		r.Type == "Microsoft.ApiManagement/service/namedValues" && r.At("secret") == true
	return kept && err == nil && !secretive(string(text))
}

func TestSecrets_TheNamedValueIsInTheVaultUnlessTheVaultIsClosed(t *testing.T) {
	for _, name := range snapshots() {
		value := one(t, snapshot(t, name), "Microsoft.ApiManagement/service/namedValues", "/function-key")
		same(t, name+": it is secret", value.At("secret"), any(true))
		inVault := strings.HasSuffix(value.Text("keyVault.secretIdentifier"), "').secretUri]")
		same(t, name+": it refers to the vault", inVault, name != "network-isolation")
		same(t, name+": it holds the key itself", value.At("value") != nil, name == "network-isolation")
	}
}

func TestSecrets_LocalAuthenticationIsOff(t *testing.T) {
	for _, name := range snapshots() {
		s := snapshot(t, name)
		for _, c := range []struct {
			kind, path string
			want       any
		}{
			{"Microsoft.Storage/storageAccounts", "allowSharedKeyAccess", false},
			{"Microsoft.Storage/storageAccounts", "allowBlobPublicAccess", false},
			{"Microsoft.KeyVault/vaults", "enableRbacAuthorization", true},
			{"Microsoft.Insights/components", "DisableLocalAuth", true},
			{"Microsoft.Web/sites/basicPublishingCredentialsPolicies", "allow", false},
		} {
			for _, r := range s.OfType(c.kind) {
				same(t, fmt.Sprintf("%s: %s of %s", name, c.path, r.Name), r.At(c.path), c.want)
			}
		}
	}
}
