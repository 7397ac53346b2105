package store

import (
	"strconv"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/rotation"
)

func TestConnect_ReadsConnectionStrings(t *testing.T) {
	for s, want := range map[string]account{
		"UseDevelopmentStorage=true":       {"http://127.0.0.1:10002/devstoreaccount1", developmentAccount, developmentKey, ""},
		" usedevelopmentstorage = True ; ": {"http://127.0.0.1:10002/devstoreaccount1", developmentAccount, developmentKey, ""},
		"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite": {
			"http://azurite:10002/devstoreaccount1", developmentAccount, developmentKey, ""},
		"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=https://[::1]:8888/x": {
			"https://[::1]:10002/devstoreaccount1", developmentAccount, developmentKey, ""},
		"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net": {
			"https://acc.table.core.windows.net", "acc", "a2V5PT0=", ""},
		"AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn": {
			"https://acc.table.core.chinacloudapi.cn", "acc", "a2V5", ""},
		"AccountName=acc;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/acc;": {"http://127.0.0.1:9/acc", "acc", "a2V5", ""},
		"BlobEndpoint=https://acc.blob.core.windows.net/;TableEndpoint=https://acc.table.core.windows.net/;SharedAccessSignature=?sv=1&sig=x%3D": {
			"https://acc.table.core.windows.net/", "", "", "sv=1&sig=x%3D"},
		"AccountName=acc;SharedAccessSignature=sv=1&sig=x": {"https://acc.table.core.windows.net", "acc", "", "sv=1&sig=x"},
	} {
		got, err := parseConnectionString(s)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", s, got, err, want)
		}
		if _, err := Connect(Connection{ConnectionString: s, Table: "turns"}, nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestConnect_ErrorsNameTheProblemAndNoSecret(t *testing.T) {
	const secret = "hunter2"
	for s, want := range map[string]string{
		secret:                    "not of the form",
		"AccountName=a;" + secret: "not of the form",
		"AccountKey=" + secret:    "neither an AccountName nor a TableEndpoint",
		"AccountName=" + secret:   "neither an AccountKey nor a SharedAccessSignature",
		"TableEndpoint=https://a.example;AccountKey=" + secret:                              "no AccountName",
		"AccountName=a;AccountKey=" + secret + "!":                                          "not base64",
		"AccountName=a;AccountKey=a2V5;TableEndpoint=" + secret:                             "not a plain URL",
		"AccountName=a;AccountKey=a2V5;TableEndpoint=https://a.example/?sig=" + secret:      "not a plain URL",
		"AccountName=a;AccountKey=a2V5;TableEndpoint=https://u:" + secret + "@a.example":    "not a plain URL",
		"AccountName=a;AccountKey=a2V5;TableEndpoint=ftp://" + secret:                       "must begin with http:// or https://",
		"UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1/?" + secret: "DevelopmentStorageProxyUri that is not a plain URL",
		"DefaultEndpointsProtocol=%zz" + secret + ";AccountName=a;AccountKey=a2V5":          "not a plain URL",
	} {
		_, err := Connect(Connection{ConnectionString: s, Table: "turns"}, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v, want an error with %q", s, err, want)
		}
	}
}

func TestConnect_ServiceURINeedsTLSAndAnIdentity(t *testing.T) {
	for uri, want := range map[string]string{
		"":                                       "not a plain URL",
		"account":                                "not a plain URL",
		"http://account.table.core.windows.net":  "must begin with https://",
		"https://account.table.core.windows.net": "needs an identity",
	} {
		_, err := Connect(Connection{ServiceURI: uri, Table: "turns"}, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", uri, err, want)
		}
	}
}

func TestConnect_TableNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"backendcounter": true, "T01": true, "": false, "ab": false, "1table": false, "my-table": false, strings.Repeat("a", 64): false,
	} {
		if _, err := Connect(Connection{ConnectionString: "UseDevelopmentStorage=true", Table: name}, nil); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzParseConnectionString(f *testing.F) {
	f.Add("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://x")
	f.Add("AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:9/a")
	f.Add(";;=;a=b;SharedAccessSignature==")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseConnectionString(s)
		if err == nil && (a.endpoint == "" || a.key == "" && a.signature == "") {
			t.Errorf("%q gave %+v", s, a)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("gpt-5.4-mini_x", "*")
	f.Add("", "~")
	f.Add("~2A", "*")
	f.Fuzz(func(t *testing.T, a, b string) {
		key := escape(a)
		if key == "" || len(key) > maxKey {
			t.Errorf("%q gave a key of %d bytes", a, len(key))
		}
		for _, c := range []byte(key) {
			if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-~", rune(c)) {
				t.Errorf("%q gave %q", a, key)
			}
		}
		if a != b && key == escape(b) {
			t.Errorf("%q and %q share the key %q", a, b, key)
		}
	})
}

func TestMemory_IsBounded(t *testing.T) {
	var m Memory
	for i := range 3 * maxRows {
		if _, err := m.Claim(t.Context(), claimOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.next) != maxRows {
		t.Errorf("%d rows, want %d", len(m.next), maxRows)
	}
}

func claimOf(i int) rotation.Claim {
	return rotation.Claim{Deployment: strconv.Itoa(i), Count: 1}
}
