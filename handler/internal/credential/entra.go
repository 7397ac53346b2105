package credential

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	openAIScope = "https://cognitiveservices.azure.com/.default"
	// tokenMargin is a second less than five minutes: the identity library gives the same token again until it has less
	// than five minutes left.
	tokenMargin = 5*time.Minute - time.Second
)

// Entra is a bearer token for Azure OpenAI. It is fetched again when the identity says so, else 5 min before it expires.
// Call [Source.Start].
func Entra(tokens azcore.TokenCredential, o Options) *Source {
	tokens = guardedTokens{tokens}
	return newSource("entra", o, func(ctx context.Context) (value, error) {
		token, err := tokens.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{openAIScope}})
		if err != nil {
			return value{}, err
		}
		if token.Token == "" || !sendable(token.Token) || !time.Now().Before(token.ExpiresOn) {
			return value{}, newError("identity's token not usable")
		}
		refresh := token.ExpiresOn.Add(-tokenMargin)
		if !token.RefreshOn.IsZero() && token.RefreshOn.Before(refresh) {
			refresh = token.RefreshOn
		}
		header := Header{tokenHeaderName, "Bearer " + token.Token}
		return value{header: header, expires: token.ExpiresOn, refresh: refresh}, nil
	})
}

// Identity is who the process is: with a client id the managed identity that has it, else what DefaultAzureCredential
// finds (on Azure the managed identity that AZURE_CLIENT_ID names, on a developer's machine their sign-in). Make it once:
// it remembers what it found, and its tokens. Its errors while fetching are of type *[Error].
func Identity(clientID string) (azcore.TokenCredential, error) {
	options := policy.ClientOptions{
		Transport: newHTTPClient(),
		Retry:     policy.RetryOptions{MaxRetries: 1, RetryDelay: 250 * time.Millisecond, MaxRetryDelay: time.Second},
	}
	tokens, err := newIdentity(clientID, options)
	if err != nil {
		return nil, newError("identity not available")
	}
	return guardedTokens{tokens}, nil
}

func newIdentity(clientID string, o policy.ClientOptions) (azcore.TokenCredential, error) {
	if clientID == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: o})
	}
	return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: o,
		ID:            azidentity.ClientID(clientID),
	})
}

// guardedTokens makes a panic an error, and errors public. The panic must not get further: the SDK's token cache would
// wait for ever for a fetch that ended in one.
type guardedTokens struct{ azcore.TokenCredential }

func (g guardedTokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (token azcore.AccessToken, err error) {
	defer func() {
		if recover() != nil {
			token, err = azcore.AccessToken{}, newError("identity library failed")
		}
	}()
	token, err = g.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return azcore.AccessToken{}, identityError(ctx, err)
	}
	return token, nil
}

// identityError turns what azidentity gives into an *Error.
func identityError(ctx context.Context, err error) *Error {
	var known *Error
	var refused *azidentity.AuthenticationFailedError
	var transport *url.Error
	switch {
	case errors.As(err, &known):
		return known
	case timedOut(ctx):
		return newError("identity did not answer in time")
	case errors.As(err, &refused) && refused.RawResponse != nil:
		return answered("identity", refused.RawResponse.StatusCode, "")
	case errors.As(err, &transport):
		return notReached("identity", transport.Err)
	}
	return newError("identity not available")
}
