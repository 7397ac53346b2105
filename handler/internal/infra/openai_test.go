package infra

import (
	"slices"
	"strings"
	"testing"
)

func TestOpenAI_EachNewInstanceYieldsAccountDeploymentsAndSecret(t *testing.T) {
	s := snapshot(t, "default")
	for suffix, region := range map[string]string{"weu": "westeurope", "eus": "eastus"} {
		account := one(t, s, "Microsoft.CognitiveServices/accounts", "-"+suffix)
		same(t, suffix+"'s host name", account.Text("customSubDomainName"), account.Name)
		if !strings.Contains(read(t, "infra/snapshots/default.snapshot.json"), `"location": "`+region+`"`) {
			t.Errorf("nothing is in %s", region)
		}
		chat := one(t, s, "Microsoft.CognitiveServices/accounts/deployments", "-"+suffix+"/deployments/gpt-5.4-mini")
		same(t, suffix+"'s chat model", chat.Text("model.version"), "2026-03-17")
		one(t, s, "Microsoft.CognitiveServices/accounts/deployments", "-"+suffix+"/deployments/text-embedding-3-small")
		secret := one(t, s, "Microsoft.KeyVault/vaults/secrets", "/openai-api-key-"+suffix)
		same(t, suffix+"'s secret", secret.Text("value"), "[listKeys('"+account.ID+"', '2025-09-01').key1]")
	}
}

func TestOpenAI_DefaultCapacityFitsANewSubscription(t *testing.T) {
	for _, d := range snapshot(t, "default").OfType("Microsoft.CognitiveServices/accounts/deployments") {
		capacity, _ := d.SKU["capacity"].(float64)
		if d.SKU["name"] != "GlobalStandard" || capacity > 10 {
			t.Errorf("%s takes %v", d.Name, d.SKU)
		}
	}
}

func TestOpenAI_AnExistingAccountIsUsedAndNotTouched(t *testing.T) {
	const account = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/rg-shared-ai/providers/Microsoft.CognitiveServices/accounts/contoso-ptu"
	s := snapshot(t, "three-instances")
	for _, r := range s.Resources {
		if strings.HasPrefix(r.ID, "/subscriptions/00000000-0000-0000-0000-000000000002/") {
			t.Errorf("%s is written to the other subscription", r.ID)
		}
	}
	secret := one(t, s, "Microsoft.KeyVault/vaults/secrets", "/openai-api-key-ptu")
	same(t, "its secret", secret.Text("value"), "[listKeys('"+account+"', '2025-09-01').key2]")
}

func TestOpenAI_AnInstancesOwnDeploymentsReplaceTheDefaults(t *testing.T) {
	s := snapshot(t, "three-instances")
	var got []string
	for _, d := range s.OfType("Microsoft.CognitiveServices/accounts/deployments") {
		if account, name, _ := strings.Cut(d.Name, "/"); account == "contoso-openai-eus" {
			got = append(got, name+" "+d.SKU["name"].(string))
		}
	}
	if want := []string{"gpt-5.4-mini DataZoneStandard"}; !slices.Equal(got, want) {
		t.Errorf("deployments are %q, want %q", got, want)
	}
}

func TestOpenAI_EntraAccountsHaveNoKeys(t *testing.T) {
	s := snapshot(t, "entra")
	for _, account := range s.OfType("Microsoft.CognitiveServices/accounts") {
		same(t, account.Name+": disableLocalAuth", account.At("disableLocalAuth"), any(true))
	}
	for _, secret := range s.OfType("Microsoft.KeyVault/vaults/secrets") {
		if strings.Contains(secret.Name, "openai") {
			t.Errorf("%s is stored", secret.Name)
		}
	}
}
