package store

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// Connection says where a table is. Without a ConnectionString, ServiceURI and a token credential lead there.
type Connection struct {
	// ConnectionString is an Azure Storage connection string, with an account key, with a shared access signature, or
	// UseDevelopmentStorage=true for Azurite on this machine.
	ConnectionString string
	// ServiceURI is the account's table endpoint, such as https://account.table.core.windows.net.
	ServiceURI string
	// Table is the table's name.
	Table string
}

// The account that Azurite and the emulators before it know from the start. Its key is public:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
const (
	developmentAccount = "devstoreaccount1"
	developmentKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
	developmentPort    = "10002"
)

// tableName is the service's rule for names of tables.
var tableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{2,62}$`)

// Connect returns the table at c. It does no I/O: whether the table can be reached shows at its first use, which also
// creates it if it is missing. The errors name what is wrong and repeat nothing of the connection string.
func Connect(c Connection, credential azcore.TokenCredential) (*Table, error) {
	if !tableName.MatchString(c.Table) {
		return nil, errors.New("the table's name must be 3 to 63 letters and digits and begin with a letter")
	}
	service, err := connect(c, credential)
	if err != nil {
		return nil, err
	}
	return &Table{client: service.NewClient(c.Table)}, nil
}

func connect(c Connection, credential azcore.TokenCredential) (*aztables.ServiceClient, error) {
	if c.ConnectionString != "" {
		return connectByString(c.ConnectionString)
	}
	if err := checkEndpoint(c.ServiceURI, "https"); err != nil {
		return nil, fmt.Errorf("the table service's URI %w", err)
	}
	if credential == nil {
		return nil, errors.New("the table service's URI needs an identity to sign in with")
	}
	return aztables.NewServiceClient(c.ServiceURI, credential, clientOptions())
}

func connectByString(s string) (*aztables.ServiceClient, error) {
	a, err := parseConnectionString(s)
	if err != nil {
		return nil, fmt.Errorf("the connection string %w", err)
	}
	if a.key == "" {
		return aztables.NewServiceClientWithNoCredential(a.endpoint+"?"+a.signature, clientOptions())
	}
	key, err := aztables.NewSharedKeyCredential(a.name, a.key)
	if err != nil {
		return nil, errors.New("the connection string has an AccountKey that is not base64")
	}
	return aztables.NewServiceClientWithSharedKey(a.endpoint, key, clientOptions())
}

// account is what a connection string says about tables.
type account struct {
	endpoint  string
	name, key string
	signature string // instead of a key
}

// parseConnectionString reads s as described at
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string. Its errors continue a sentence
// that begins with "the connection string" and hold nothing of s.
func parseConnectionString(s string) (account, error) {
	fields := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return account{}, errors.New("is not of the form Name=Value;Name=Value")
		}
		fields[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	if strings.EqualFold(fields["usedevelopmentstorage"], "true") {
		return development(fields["developmentstorageproxyuri"])
	}
	a := account{
		endpoint:  fields["tableendpoint"],
		name:      fields["accountname"],
		key:       fields["accountkey"],
		signature: strings.TrimPrefix(fields["sharedaccesssignature"], "?"),
	}
	if a.endpoint == "" && a.name != "" {
		a.endpoint = defaultEndpoint(a.name, fields["defaultendpointsprotocol"], fields["endpointsuffix"])
	}
	return a, a.check()
}

func defaultEndpoint(account, scheme, suffix string) string {
	if scheme == "" {
		scheme = "https"
	}
	if suffix == "" {
		suffix = "core.windows.net"
	}
	return scheme + "://" + account + ".table." + suffix
}

func (a account) check() error {
	switch {
	case a.endpoint == "":
		return errors.New("has neither an AccountName nor a TableEndpoint")
	case a.key == "" && a.signature == "":
		return errors.New("has neither an AccountKey nor a SharedAccessSignature")
	case a.key != "" && a.name == "":
		return errors.New("has an AccountKey but no AccountName")
	}
	if err := checkEndpoint(a.endpoint, "http", "https"); err != nil {
		return fmt.Errorf("has a table endpoint that %w", err)
	}
	return nil
}

// development is Azurite on this machine, or on that of proxy, whose port does not count: so does Microsoft's .NET
// library, on which the Functions host reads the same setting.
func development(proxy string) (account, error) {
	scheme, host := "http", "127.0.0.1"
	if proxy != "" {
		if err := checkEndpoint(proxy, "http", "https"); err != nil {
			return account{}, fmt.Errorf("has a DevelopmentStorageProxyUri that %w", err)
		}
		u, _ := url.Parse(proxy)
		scheme, host = u.Scheme, u.Hostname()
	}
	return account{
		endpoint: scheme + "://" + net.JoinHostPort(host, developmentPort) + "/" + developmentAccount,
		name:     developmentAccount,
		key:      developmentKey,
	}, nil
}

// checkEndpoint does not repeat uri in its error: a signature may be in it.
func checkEndpoint(uri string, schemes ...string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return errors.New("is not a plain URL of scheme " + strings.Join(schemes, " or "))
	}
	if slices.Contains(schemes, u.Scheme) {
		return nil
	}
	return errors.New("must begin with " + strings.Join(schemes, ":// or ") + "://")
}

// clientOptions turn the SDK's retries off. Whoever calls has a better plan: to use local turns meanwhile, or to read a
// row again before it writes it.
func clientOptions() *aztables.ClientOptions {
	return &aztables.ClientOptions{ClientOptions: policy.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
		Transport: newTransport(),
	}}
}

// maxAnswer bounds what is read of one answer. The service's own limit for an entity is 1 MiB.
const maxAnswer = 2 << 20

// transport is a small HTTP client: a table gets few calls, and a service that is gone must be noticed soon.
type transport struct{ client *http.Client }

func newTransport() transport {
	return transport{&http.Client{
		// An answer from somewhere else is not storage's answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        8,
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     30 * time.Second,
		},
	}}
}

func (t transport) Do(r *http.Request) (*http.Response, error) {
	resp, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	body := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(body, maxAnswer), body}
	return resp, nil
}
