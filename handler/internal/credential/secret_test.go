package credential_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"aoai-balancer/handler/internal/credential"
)

// private is what must not show in any error.
const private = "host.example"

func reaching(err error) error {
	return fmt.Errorf("%s: %w", private, &url.Error{Op: "Get", URL: "https://" + private, Err: err})
}

// failures are what a vault's client can give, and what becomes of them.
func failures() map[string]error {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	certificate := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	return map[string]error{
		"vault not reached: name not found":          reaching(&net.DNSError{Name: private, Err: "no such host"}),
		"vault not reached: connection refused":      reaching(refused),
		"vault not reached: certificate not trusted": reaching(certificate),
		"vault not reached: timed out":               reaching(context.DeadlineExceeded),
		"vault not reached":                          reaching(errors.New(private)),
		"secret not found":                           &azcore.ResponseError{StatusCode: 404, ErrorCode: "SecretNotFound"},
		"vault answered 404 Not Found":               &azcore.ResponseError{StatusCode: 404, ErrorCode: private},
		"vault answered 599":                         &azcore.ResponseError{StatusCode: 599},
		"vault's answer not understood":              errors.New(private),
	}
}

func TestSecret_FailuresBecomeClassesWithoutHosts(t *testing.T) {
	for want, failure := range failures() {
		inBubble(t, func(t *testing.T, ctx context.Context) {
			var told error
			s := credential.Secret(
				newFakeVault(func(context.Context, int) (string, error) { return "", failure }), "name",
				credential.Options{Log: func(_ string, err error) { told = err }},
			)
			s.Start(ctx)
			synctest.Wait()
			wantError(t, told, want)
			if state := s.State(); state.Error != want {
				t.Errorf("state %+v", state)
			}
			if shown := fmt.Sprintf("%v %+v %#v", told, told, s.State()); strings.Contains(shown, private) {
				t.Errorf("shown: %s", shown)
			}
			if errors.Unwrap(told) != nil {
				t.Errorf("the cause is within reach: %v", errors.Unwrap(told))
			}
		})
	}
}

func TestSecret_UnusableValuesAreFailures(t *testing.T) {
	for _, tc := range []struct{ secret, want string }{
		{"", "key is empty"},
		{" \r\n\t", "key is empty"},
		{"two\nkey", "key has characters that no header may have"},
		{"\ufeffkey", "key has characters that no header may have"},
	} {
		inBubble(t, func(t *testing.T, ctx context.Context) {
			s := started(ctx, newFakeVault(always(tc.secret)))
			synctest.Wait()
			if state := s.State(); state.Ready || state.Error != tc.want {
				t.Errorf("%q: state %+v", tc.secret, state)
			}
		})
	}
}

// valueless is a vault whose answer has no value.
type valueless struct{}

func (valueless) GetSecret(
	context.Context, string, string, *azsecrets.GetSecretOptions,
) (azsecrets.GetSecretResponse, error) {
	return azsecrets.GetSecretResponse{}, nil
}

func TestSecret_AnAnswerWithoutValueIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := credential.Secret(valueless{}, "name", credential.Options{})
		s.Start(ctx)
		synctest.Wait()
		if state := s.State(); state.Error != "key is empty" {
			t.Errorf("state %+v", state)
		}
	})
}

func TestVaultClient_TakesOnlyHTTPS(t *testing.T) {
	for _, uri := range []string{"", "http://" + private, "https://", "://", "https://user@" + private, private} {
		_, err := credential.VaultClient(uri, nil)
		wantError(t, err, "the vault's address is not an https URL")
	}
}
