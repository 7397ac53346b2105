package infra

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestOrder_WhatCanLoseARaceComesAfterWhatItNeeds(t *testing.T) {
	whole := template(t)
	for _, c := range []struct{ first, second, why string }{
		{"foundation/roles", "functionApp", "the host starts with its roles on storage"},
		{"foundation/endpoints", "functionApp", "the host reaches a closed storage account through them only"},
		{"foundation/roles", "gateway/apiManagement", "roles take minutes to spread, and creating API Management is the wait"},
		{"openAI/roles", "gateway/apiManagement", "as above"},
		{"foundation/roles", "gateway/apiManagement/logger", "it signs in with an identity"},
		{"foundation/roles", "gateway/routing/functionKeyValue", "it refers to the vault"},
		{"gateway/routing/functionKeySecret", "gateway/routing/functionKeyValue", "it refers to the secret"},
		{"gateway/routing/functionKeyValue", "gateway/routing/backend", "it names the named value"},
		{"gateway/routing/backend", "gateway/routing/policy", "it names the backend"},
		{"gateway/api", "gateway/routing/policy", "it is the API's"},
		{"openAI/newAccounts", "openAI/deployments", "they are the account's"},
		{"openAI/newAccounts", "openAI/keys", "they are the account's"},
		{"foundation/keyVault", "openAI/keys", "they are stored there"},
		{"openAI/keys", "functionApp", "the handler fetches them at start"},
		{"foundation/network", "foundation/endpoints", "they lie in it"},
		{"functionApp", "gateway/functionAppEndpoint", "it leads to the app"},
	} {
		ordered, err := whole.Before(c.first, c.second)
		if err != nil {
			t.Error(err)
		} else if !ordered {
			t.Errorf("%s may come after %s, but %s", c.first, c.second, c.why)
		}
	}
}

func TestOrder_NothingIsBeforeItself(t *testing.T) {
	whole := template(t)
	for _, path := range [][2]string{{"gateway", "foundation"}, {"gateway/routing", "gateway/api"}, {"functionApp", "openAI"}} {
		if ordered, err := whole.Before(path[0], path[1]); ordered || err != nil {
			t.Errorf("%s before %s: %v, %v", path[0], path[1], ordered, err)
		}
	}
}

func TestOrder_TheFunctionKeyIsReadInTheLastModule(t *testing.T) {
	whole := template(t)
	whole.Walk(func(path string, inside *Template) {
		for name, d := range inside.Resources {
			reads := d.Module == nil && strings.Contains(string(marshal(t, d.Properties)), "/host/default")
			if reads && path != "gateway/routing" {
				t.Errorf("%s/%s reads the function key", path, name)
			}
		}
	})
	for _, level := range []struct{ path, last string }{{"", "gateway"}, {"gateway/", "routing"}} {
		for _, name := range modules(t, whole, level.path) {
			if ordered, err := whole.Before(level.path+name, level.path+level.last); name != level.last && (!ordered || err != nil) {
				t.Errorf("%s%s does not come before %s%s: %v", level.path, name, level.path, level.last, err)
			}
		}
	}
}

// modules names the modules in the module at path, which ends in "/" unless it is "".
func modules(t *testing.T, whole *Template, path string) []string {
	t.Helper()
	inside := whole
	if path != "" {
		d, err := whole.Find(strings.TrimSuffix(path, "/"))
		if err != nil {
			t.Fatal(err)
		}
		inside = d.Module
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(inside.Resources)), func(name string) bool {
		return inside.Resources[name].Module == nil
	})
}

func TestOrder_WhatAzureRefusesAtOnceGoesOneByOne(t *testing.T) {
	whole := template(t)
	for _, path := range []string{
		"openAI/deployments/modelDeployments", // 409 RequestConflict
		"gateway/api/apiOperations",           // 409 PessimisticConcurrencyConflict
		"foundation/endpoints",
	} {
		d, err := whole.Find(path)
		if err != nil {
			t.Error(err)
		} else if !d.Copy.OneByOne() {
			t.Errorf("%s is not one by one: %+v", path, d.Copy)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
