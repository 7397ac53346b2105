package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"aoai-balancer/handler/internal/rotation"
	"aoai-balancer/handler/internal/store"
)

// secret stands for a key: it must be in no error.
const secret = "c2VjcmV0c2VjcmV0"

// pretend connects to a server that is no table service, with a key and with a signature.
func pretend(t *testing.T, h http.HandlerFunc) map[string]*store.Table {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	tables := map[string]*store.Table{}
	for name, s := range map[string]string{
		"key":       "AccountName=a;AccountKey=" + secret + ";TableEndpoint=" + server.URL,
		"signature": "SharedAccessSignature=sig=" + secret + ";TableEndpoint=" + server.URL,
	} {
		table, err := store.Connect(store.Connection{ConnectionString: s, Table: "turns"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		tables[name] = table
	}
	return tables
}

func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const odataError = `{"odata.error":{"code":"%s","message":{"lang":"en-us","value":"x"}}}`

func TestClaim_AnswersThatAreNotStoragesAreClearErrors(t *testing.T) {
	garbled := `{"PartitionKey":7,"Timestamp":{},"Next@odata.type":"Edm.Int64","Next":"x"}`
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"HTML 500":         {answer(500, "<html><code>Oops</code></html>", "Content-Type", "text/html"), "answered 500"},
		"HTML 200":         {answer(200, "<html>log in</html>", "Content-Type", "text/html", "ETag", "x"), "read row turns: "},
		"empty 200":        {answer(200, ""), "read row turns: "},
		"array":            {answer(200, "[1]", "ETag", "x"), "read row turns: "},
		"null":             {answer(200, "null", "ETag", "x"), "Next is no Int64"},
		"cut JSON":         {answer(200, `{"PartitionKey":"ch`, "ETag", "x"), "read row turns: "},
		"garbled JSON":     {answer(200, garbled, "ETag", "x"), "read row turns: "},
		"no ETag":          {answer(200, `{"Next@odata.type":"Edm.Int64","Next":"7"}`), "without an ETag"},
		"ETag of any row":  {answer(200, `{"Next@odata.type":"Edm.Int64","Next":"7"}`, "ETag", "*"), "without an ETag"},
		"403":              {answer(403, fmt.Sprintf(odataError, "AuthorizationFailure")), "answered 403 AuthorizationFailure"},
		"404 of a proxy":   {answer(404, "not here"), "answered 404"},
		"redirect":         {answer(302, "", "Location", "https://login.example/"), "answered 302"},
		"code of a joker":  {answer(400, "", "x-ms-error-code", "<b>"+strings.Repeat("x", 100)), "answered 400"},
		"being deleted":    {beingDeleted, "create table: answered 409 TableBeingDeleted"},
		"never the table":  {answer(404, fmt.Sprintf(odataError, "TableNotFound")), "answered 404 TableNotFound"},
		"closed":           {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "read row turns: EOF"},
		"endless":          {endless, "read row turns: "},
		"update is denied": {denyUpdate, "update row turns: answered 403"},
	} {
		for kind, table := range pretend(t, c.handler) {
			t.Run(name+" by "+kind, func(t *testing.T) {
				_, err := table.Claim(t.Context(), rotation.Claim{Deployment: "chat", Count: 1, Start: 5})
				if err == nil || errors.Is(err, rotation.ErrConflict) || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want an error with %q", err, c.want)
				}
				checkError(t, err)
			})
		}
	}
}

// checkError wants one short line without a secret or a URL.
func checkError(t *testing.T, err error) {
	t.Helper()
	text := err.Error() + store.Class(err)
	if strings.Contains(text, secret) || strings.ContainsAny(text, "\n>") || strings.Contains(text, "://") || len(text) > 800 {
		t.Errorf("the error is %q", text)
	}
}

func beingDeleted(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		answer(409, fmt.Sprintf(odataError, "TableBeingDeleted"))(w, r)
		return
	}
	answer(404, fmt.Sprintf(odataError, "TableNotFound"))(w, r)
}

func denyUpdate(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		answer(200, `{"Next@odata.type":"Edm.Int64","Next":"7"}`, "ETag", `W/"1"`)(w, r)
		return
	}
	answer(403, "")(w, r)
}

// endless writes until the caller has had enough.
func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", "x")
	for chunk := strings.Repeat(" ", 1<<16); r.Context().Err() == nil; {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func TestClaim_NoServerIsAClearError(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	tables := pretend(t, nil)
	server.Close()
	for _, s := range []string{"AccountName=a;AccountKey=" + secret, "SharedAccessSignature=sig=" + secret} {
		table, err := store.Connect(store.Connection{ConnectionString: s + ";TableEndpoint=" + server.URL, Table: "turns"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = table.Claim(t.Context(), rotation.Claim{Deployment: "chat", Count: 1})
		if err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
		checkError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, table := range tables {
		_, err := table.Claim(ctx, rotation.Claim{Deployment: "chat", Count: 1})
		if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time") {
			t.Errorf("got %v", err)
		}
	}
}

// Whoever claims decides when to try again, and not the SDK.
func TestClaim_OneFailureIsOneRequest(t *testing.T) {
	var requests atomic.Int32
	tables := pretend(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		answer(503, fmt.Sprintf(odataError, "ServerBusy"), "Retry-After", "0")(w, r)
	})
	_, err := tables["key"].Claim(t.Context(), rotation.Claim{Deployment: "chat", Count: 1})
	if err == nil || requests.Load() != 1 || store.Class(err) != "answered 503 ServerBusy" {
		t.Errorf("%d requests, %v", requests.Load(), err)
	}
}

// noIdentity is a machine without one.
type noIdentity struct{}

func (noIdentity) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, errors.New("ManagedIdentityCredential: no identity here.\n\n  try  this:\n" + strings.Repeat("long ", 200))
}

func TestClaim_NoIdentityIsAClearError(t *testing.T) {
	table, err := store.Connect(store.Connection{ServiceURI: "https://account.table.core.windows.net", Table: "turns"}, noIdentity{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = table.Claim(t.Context(), rotation.Claim{Deployment: "chat", Count: 1})
	if err == nil || !strings.Contains(err.Error(), "read row turns: ManagedIdentityCredential: no identity here. try this: long") {
		t.Fatalf("got %v", err)
	}
	checkError(t, err)
}
