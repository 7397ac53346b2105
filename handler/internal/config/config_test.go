package config_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/config"
)

const twoBackends = `[{"name":"westeurope","endpoint":"https://we.openai.azure.com/","secret":"we-key"},
	{"name":"eastus","endpoint":"https://eu.openai.azure.com","auth":"entra","priority":2,"weight":3}]`

func environment(pairs ...string) func(string) string {
	env := map[string]string{"OPENAI_BACKENDS": twoBackends, "KEY_VAULT_URI": "https://v.vault.azure.net/"}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return env[name] }
}

func load(t *testing.T, pairs ...string) config.Config {
	t.Helper()
	c, err := config.Load(environment(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_DefaultsAreThoseOfTheDocumentation(t *testing.T) {
	c := load(t)
	if c.MaxRetries != 3 || c.RetryInterval != 5*time.Second || c.CooldownDefault != 10*time.Second || c.CooldownMax != 2*time.Minute ||
		c.RequestTimeout != 220*time.Second || c.AttemptTimeout != 0 || c.StreamIdleTimeout != 200*time.Second ||
		c.MaxBodyBytes != 100<<20 || c.LogLevel != "info" || c.CounterTable != "backendcounter" || c.Addr != "127.0.0.1:8080" {
		t.Errorf("defaults are %+v", c)
	}
	for status, want := range map[int]bool{400: false, 401: true, 403: true, 404: false, 408: true, 429: true, 500: true, 599: true} {
		if c.RetryStatus.Has(status) != want {
			t.Errorf("status %d retried: %v", status, !want)
		}
	}
}

func TestLoad_BackendsKeepOrderAndDefaults(t *testing.T) {
	b := load(t).Backends
	if len(b) != 2 || b[0].Name != "westeurope" || b[0].Priority != 1 || b[0].Weight != 1 || b[0].Endpoint.String() != "https://we.openai.azure.com" {
		t.Errorf("first backend is %+v", b)
	}
	if !b[1].Entra || b[1].Priority != 2 || b[1].Weight != 3 {
		t.Errorf("second backend is %+v", b[1])
	}
}

// Every row is one mistake; start-up must name the setting and say something of the mistake.
func TestLoad_ReportsAMistakeByName(t *testing.T) {
	backend := func(fields string) string {
		return `[{"name":"a","endpoint":"https://a.example","key":"k"` + fields + `}]`
	}
	for _, row := range []struct{ setting, value, says string }{
		{"OPENAI_BACKENDS", " ", "required"},
		{"OPENAI_BACKENDS", "[]", "0 backends"},
		{"OPENAI_BACKENDS", "{]", "not JSON"},
		{"OPENAI_BACKENDS", "[{},", "too early"},
		{"OPENAI_BACKENDS", `[{"nome":"a"}]`, "a field other than"},
		{"OPENAI_BACKENDS", `[{"name":1}]`, `"name"`},
		{"OPENAI_BACKENDS", backend("") + "x", "follows"},
		{"OPENAI_BACKENDS", backend(`,"secret":"s"`), "exactly one of"},
		{"OPENAI_BACKENDS", backend(`,"weight":101`), "weight"},
		{"OPENAI_BACKENDS", backend(`,"weight":0`), "nothing would be served"},
		{"OPENAI_BACKENDS", backend(`,"priority":0`), "priority"},
		{"OPENAI_BACKENDS", backend(`,"deployments":{"a":""}`), "empty name"},
		{"OPENAI_BACKENDS", `[{"name":"a b","endpoint":"https://a.example","key":"k"}]`, "name must"},
		{"OPENAI_BACKENDS", `[{"name":"a","endpoint":"http://a.example","key":"k"}]`, "https"},
		{"OPENAI_BACKENDS", `[{"name":"a","endpoint":"https://a.example/openai","key":"k"}]`, "end after the host"},
		{"OPENAI_BACKENDS", `[{"name":"a","endpoint":"a.example","key":"k"}]`, "of the form"},
		{"OPENAI_BACKENDS", `[{"name":"a","endpoint":"https://a.example","auth":"key"}]`, "entra"},
		{"OPENAI_BACKENDS", `[{"name":"a","endpoint":"https://a.example","secret":"a_b"}]`, "secret must"},
		{"OPENAI_BACKENDS", strings.Replace(twoBackends, "eastus", "WestEurope", 1), "taken"},
		{"KEY_VAULT_URI", "http://v.vault.azure.net", "of the form"},
		{"COUNTER_CONNECTION", "Garbled", "not a storage connection string"},
		{"COUNTER_CONNECTION", "Plain", "https"},
		{"COUNTER_CONNECTION", "AccountName=a;AccountKey=b", "name of a setting"},
		{"COUNTER_TABLE", "1-table", "table name"},
		{"STICKY_KEY", "metadata.user", "not a field"},
		{"MAX_RETRIES", "-1", "whole number"},
		{"RETRY_INTERVAL", "5", "length of time"},
		{"RETRY_STATUS", "200", "400-599"},
		{"RETRY_STATUS", "500-", "400-599"},
		{"COOLDOWN_DEFAULT", "3m", "COOLDOWN_MAX"},
		{"COOLDOWN_MAX", "0s", "between"},
		{"REQUEST_TIMEOUT", "1ms", "between"},
		{"ATTEMPT_TIMEOUT", "10m", "REQUEST_TIMEOUT"},
		{"STREAM_IDLE_TIMEOUT", "x", "length of time"},
		{"MAX_BODY_BYTES", "lots", "size"},
		{"LOG_LEVEL", "loud", "one of"},
		{"FUNCTIONS_CUSTOMHANDLER_PORT", "70000", "port"},
	} {
		_, err := config.Load(environment(row.setting, row.value, "Garbled", "AccountKey=hidden", "Plain__tableServiceUri", "http://t.example"))
		if err == nil || !strings.Contains(err.Error(), row.setting+": ") || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s=%q: %v, which does not say %q", row.setting, row.value, err, row.says)
		}
	}
}

func TestLoad_ReportsAllMistakesAtOnceAndNoSecret(t *testing.T) {
	_, err := config.Load(environment(
		"OPENAI_BACKENDS", `[{"name":"a","endpoint":"https://a.example","key":"topsecret key","secret":"x"},{"name":"b"}]`,
		"AzureWebJobsStorage", "AccountKey=topsecret", "RETRY_INTERVAL", "soon", "LOG_LEVEL", "loud"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"OPENAI_BACKENDS", "COUNTER_CONNECTION", "RETRY_INTERVAL", "LOG_LEVEL", `backend 1 ("a")`, `backend 2 ("b")`} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
	if strings.Contains(err.Error(), "topsecret") {
		t.Errorf("a secret is shown:\n%v", err)
	}
}

func TestLoad_AVaultIsNeededOnlyForSecrets(t *testing.T) {
	if _, err := config.Load(environment("KEY_VAULT_URI", "")); err == nil || !strings.Contains(err.Error(), "KEY_VAULT_URI: is required") {
		t.Errorf("with a secret: %v", err)
	}
	load(t, "KEY_VAULT_URI", "", "OPENAI_BACKENDS", `[{"name":"a","endpoint":"http://127.0.0.1:1","key":"k"}]`)
}

func TestLoad_ConnectionsFollowTheFunctionsConvention(t *testing.T) {
	for _, row := range []struct {
		env  []string
		want config.Connection
	}{
		{nil, config.Connection{}},
		{[]string{"AzureWebJobsStorage", "UseDevelopmentStorage=true"}, config.Connection{ConnectionString: "UseDevelopmentStorage=true"}},
		{[]string{"COUNTER_CONNECTION", "C", "C", "AccountName=a;AccountKey=b=="}, config.Connection{ConnectionString: "AccountName=a;AccountKey=b=="}},
		{[]string{"AzureWebJobsStorage__accountName", "acct", "AzureWebJobsStorage__clientId", "id"},
			config.Connection{ServiceURI: "https://acct.table.core.windows.net", ClientID: "id"}},
		{[]string{"AzureWebJobsStorage__tableServiceUri", "https://t.example"}, config.Connection{ServiceURI: "https://t.example"}},
	} {
		if got := load(t, row.env...).Counter; got != row.want {
			t.Errorf("%v: %+v", row.env, got)
		}
	}
}

func FuzzLoad_NeverPanicsAndNamesTheSetting(f *testing.F) {
	f.Add(twoBackends, "408,429,500-599", "5s", "100 MiB")
	f.Add(`[{"name":null,"weight":1e9}]`, "400-599,", "-1s", "1e30")
	f.Add(`[[]]`, "-", "", "\x00")
	f.Fuzz(func(t *testing.T, backends, statuses, interval, size string) {
		c, err := config.Load(environment("OPENAI_BACKENDS", backends, "RETRY_STATUS", statuses, "RETRY_INTERVAL", interval, "MAX_BODY_BYTES", size))
		if err != nil {
			return
		}
		if len(c.Backends) == 0 || c.RetryInterval < 0 || c.MaxBodyBytes <= 0 {
			t.Errorf("accepted: %+v", c)
		}
		for _, b := range c.Backends {
			if b.Endpoint == nil || b.Endpoint.Host == "" || !json.Valid([]byte(`"`+b.Name+`"`)) {
				t.Errorf("accepted backend: %+v", b)
			}
		}
	})
}
