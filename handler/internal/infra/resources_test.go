package infra

import (
	"slices"
	"strings"
	"testing"
)

func TestResources_AllThatTakeTagsHaveThem(t *testing.T) {
	for _, name := range snapshots() {
		for _, r := range snapshot(t, name).Resources {
			if takesTags(r) {
				same(t, name+": tag azd-env-name of "+r.ID, r.Tags["azd-env-name"], "sample")
			}
		}
	}
	group := one(t, snapshot(t, "three-instances"), "Microsoft.Resources/resourceGroups", "/rg-sample")
	same(t, "the deployer's own tag", group.Tags["cost-center"], "1234")
}

// takesTags tells the resources that are no part of another; a few parts take tags, too.
func takesTags(r Resource) bool {
	switch r.Type {
	case "Microsoft.Authorization/roleAssignments", "Microsoft.Insights/diagnosticSettings":
		return false
	case "Microsoft.KeyVault/vaults/secrets", "Microsoft.Network/privateDnsZones/virtualNetworkLinks":
		return true
	}
	return strings.Count(r.Type, "/") == 1
}

func TestResources_AzdFindsTheFunctionApp(t *testing.T) {
	app := snapshot(t, "default").OfType("Microsoft.Web/sites")[0]
	if !strings.Contains(read(t, "azure.yaml"), "\nservices:\n  "+app.Tags["azd-service-name"]+":\n") {
		t.Errorf("azure.yaml has no service %q", app.Tags["azd-service-name"])
	}
}

func TestResources_TheFunctionAppIsACustomHandlerOnFlexConsumption(t *testing.T) {
	for _, name := range snapshots() {
		app := snapshot(t, name).OfType("Microsoft.Web/sites")[0]
		same(t, "runtime", string(marshal(t, app.At("functionAppConfig.runtime"))), `{"name":"custom","version":"1.0"}`)
		same(t, "requests at once", app.At("functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency"), any(100.0))
		plan := snapshot(t, name).OfType("Microsoft.Web/serverfarms")[0]
		same(t, "plan", plan.SKU["name"], any("FC1"))
	}
	app := snapshot(t, "three-instances").OfType("Microsoft.Web/sites")[0]
	same(t, "always ready", string(marshal(t, app.At("functionAppConfig.scaleAndConcurrency.alwaysReady"))), `[{"instanceCount":2,"name":"http"}]`)
	same(t, "most instances", app.At("functionAppConfig.scaleAndConcurrency.maximumInstanceCount"), any(100.0))
}

func TestResources_PurgeProtectionIsTrueOrAbsent(t *testing.T) {
	for name, want := range map[string]any{"default": nil, "three-instances": true} {
		vault := snapshot(t, name).OfType("Microsoft.KeyVault/vaults")[0]
		same(t, name+": enablePurgeProtection", vault.At("enablePurgeProtection"), want)
	}
}

func TestIsolation_ClosesWhatTheFactsSayAndNoMore(t *testing.T) {
	s := snapshot(t, "network-isolation")
	same(t, "SKU of API Management", s.OfType("Microsoft.ApiManagement/service")[0].SKU["name"], any("StandardV2"))
	same(t, "SKU without it", snapshot(t, "default").OfType("Microsoft.ApiManagement/service")[0].SKU["name"], any("BasicV2"))
	same(t, "storage", s.OfType("Microsoft.Storage/storageAccounts")[0].Text("publicNetworkAccess"), "Disabled")
	same(t, "vault", s.OfType("Microsoft.KeyVault/vaults")[0].Text("publicNetworkAccess"), "Disabled")
	app := s.OfType("Microsoft.Web/sites")[0]
	same(t, "app", app.Text("siteConfig.ipSecurityRestrictionsDefaultAction"), "Deny")
	same(t, "scm", app.Text("siteConfig.scmIpSecurityRestrictionsDefaultAction"), "Allow")
	var parts []string
	for _, e := range s.OfType("Microsoft.Network/privateEndpoints") {
		parts = append(parts, e.Name[strings.LastIndexAny(e.Name, "-")+1:])
	}
	if !slices.Equal(parts[:3], []string{"blob", "table", "vault"}) || len(parts) != 4 {
		t.Errorf("private endpoints are %q", parts)
	}
	for _, r := range snapshot(t, "default").Resources {
		if strings.HasPrefix(r.Type, "Microsoft.Network/") {
			t.Errorf("%s is created without being asked for", r.ID)
		}
	}
}

func TestIsolation_SubnetsAreDelegatedAndDoNotOverlap(t *testing.T) {
	subnets, _ := snapshot(t, "network-isolation").OfType("Microsoft.Network/virtualNetworks")[0].At("subnets").([]any)
	var got []string
	for _, item := range subnets {
		subnet := Resource{Properties: item.(map[string]any)}
		delegations, _ := subnet.At("properties.delegations").([]any)
		words := []string{subnet.Text("name"), subnet.Text("properties.addressPrefix")}
		for _, d := range delegations {
			words = append(words, Resource{Properties: d.(map[string]any)}.Text("properties.serviceName"))
		}
		got = append(got, strings.Join(words, " "))
	}
	want := []string{
		"snet-api-management 10.0.0.0/26 Microsoft.Web/serverFarms",
		"snet-private-endpoints 10.0.0.64/26",
		"snet-functions 10.0.0.128/26 Microsoft.App/environments",
	}
	if !slices.Equal(got, want) {
		t.Errorf("subnets are %q, want %q", got, want)
	}
}
