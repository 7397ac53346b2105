package stack

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// storageAt is a storage account at an address.
type storageAt string

func (s storageAt) ConnectionString() string {
	return "AccountName=account;TableEndpoint=" + string(s) + "/account;"
}

func TestTableProxy_PassesCallsOnLateAndTellsOfThem(t *testing.T) {
	const delay = 30 * time.Millisecond
	var host string
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		w.WriteHeader(http.StatusPreconditionFailed)
	}))
	defer storage.Close()
	seen := make(chan TableCall, 1)
	p, err := StartTableProxy(t.Context(), storageAt(storage.URL), delay, func(c TableCall) { seen <- c })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	endpoint := connectionPart(p.ConnectionString(), "TableEndpoint")
	if !strings.HasSuffix(endpoint, "/account") || strings.HasPrefix(endpoint, storage.URL) {
		t.Fatalf("the proxy is at %q", endpoint)
	}
	resp, err := http.Get(endpoint + "/row")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	c := <-seen
	if resp.StatusCode != c.Status || c.Status != http.StatusPreconditionFailed || c.Method != http.MethodGet || c.Path != "/account/row" ||
		c.Ended.Sub(c.Began) < delay {
		t.Errorf("answered %d; seen %+v", resp.StatusCode, c)
	}
	if "http://"+host+"/account" != endpoint {
		t.Errorf("storage saw the host %q: the signature is of the one that was called", host)
	}
}
