package credential

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

const (
	secretRefresh = 30 * time.Minute
	// longestAnswer is well over the 25 KB that Key Vault lets a secret have.
	longestAnswer = 256 << 10
)

// SecretClient is what reads secrets: *azsecrets.Client, or a test's own.
type SecretClient interface {
	GetSecret(ctx context.Context, name, version string, options *azsecrets.GetSecretOptions) (azsecrets.GetSecretResponse, error)
}

// Secret is a key that a vault holds under this name. White space around it is dropped. It is read again every 30 min or
// so. Call [Source.Start].
func Secret(client SecretClient, name string, o Options) *Source {
	return newSource("secret", o, func(ctx context.Context) (value, error) {
		answer, err := client.GetSecret(ctx, name, "", nil)
		if err != nil {
			return value{}, vaultError(ctx, err)
		}
		var key string
		if answer.Value != nil {
			key = *answer.Value
		}
		header, failure := keyHeader(key)
		if failure != nil {
			return value{}, failure
		}
		return value{header: header, refresh: time.Now().Add(jitter(secretRefresh))}, nil
	})
}

// VaultClient gives a client for the vault at uri. One serves all of a process's secrets: it holds one token.
// azsecrets checks that the vault's challenge is the vault's own (https://aka.ms/azsdk/blog/vault-uri), and a redirect
// is not followed. The client itself does not try again, since a [Source] does.
func VaultClient(uri string, tokens azcore.TokenCredential) (*azsecrets.Client, error) {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		return nil, newError("the vault's address is not an https URL")
	}
	client := newHTTPClient()
	client.Transport = boundedAnswers{client.Transport}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return azsecrets.NewClient(uri, guardedTokens{tokens}, &azsecrets.ClientOptions{
		ClientOptions: policy.ClientOptions{Transport: client, Retry: policy.RetryOptions{MaxRetries: -1}},
	})
}

// newHTTPClient has times of its own: the SDK's wait 30 s for a connection.
func newHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConns:          8,
	}}
}

// boundedAnswers cuts answers short, because the SDK reads them into memory to the end.
type boundedAnswers struct{ http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = boundedBody{io.LimitReader(res.Body, longestAnswer), res.Body}
	}
	return res, err
}

type boundedBody struct {
	io.Reader
	io.Closer
}

// vaultError turns what azsecrets gives into an *Error.
func vaultError(ctx context.Context, err error) *Error {
	var known *Error
	var response *azcore.ResponseError
	var transport *url.Error
	switch {
	case errors.As(err, &known): // the identity's
		return known
	case timedOut(ctx):
		return newError("vault did not answer in time")
	case errors.As(err, &response):
		return vaultRefusal(response)
	case errors.As(err, &transport):
		return notReached("vault", transport.Err)
	}
	return newError("vault's answer not understood")
}

func vaultRefusal(response *azcore.ResponseError) *Error {
	if response.StatusCode == http.StatusNotFound && response.ErrorCode == "SecretNotFound" {
		return newError("secret not found")
	}
	return answered("vault", response.StatusCode, innerCode(response.RawResponse))
}

// innerCode is Key Vault's reason for a refusal, such as ForbiddenByRbac or ForbiddenByFirewall.
func innerCode(response *http.Response) string {
	if response == nil {
		return ""
	}
	body, err := runtime.Payload(response)
	if err != nil {
		return ""
	}
	var refusal struct {
		Error struct {
			Inner struct{ Code string } `json:"innererror"`
		}
	}
	if json.Unmarshal(body, &refusal) != nil {
		return ""
	}
	return refusal.Error.Inner.Code
}
