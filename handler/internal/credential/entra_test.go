package credential_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"aoai-balancer/handler/internal/credential"
)

// fakeIdentity gives the tokens that answer makes, numbered from 1.
type fakeIdentity struct {
	answer func(number int) (azcore.AccessToken, error)
	asked  atomic.Int64
	scopes atomic.Value
}

func (f *fakeIdentity) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	f.scopes.Store(strings.Join(o.Scopes, " "))
	return f.answer(int(f.asked.Add(1)))
}

// lasting numbers its tokens.
func lasting(d time.Duration) func(int) (azcore.AccessToken, error) {
	return func(number int) (azcore.AccessToken, error) {
		return azcore.AccessToken{Token: fmt.Sprint("token-", number), ExpiresOn: time.Now().Add(d)}, nil
	}
}

func startedEntra(ctx context.Context, answer func(int) (azcore.AccessToken, error)) (*credential.Source, *fakeIdentity) {
	f := &fakeIdentity{answer: answer}
	s := credential.Entra(f, credential.Options{})
	s.Start(ctx)
	return s, f
}

func wantAsked(t *testing.T, f *fakeIdentity, want int64) {
	t.Helper()
	synctest.Wait()
	if n := f.asked.Load(); n != want {
		t.Errorf("%d tokens asked for, want %d", n, want)
	}
}

func TestEntra_SendsABearerTokenForAzureOpenAI(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s, f := startedEntra(ctx, lasting(time.Hour))
		if h := wantHeader(ctx, t, s, "Bearer token-1"); h.Name != "Authorization" {
			t.Errorf("name %q", h.Name)
		}
		if got := f.scopes.Load(); got != "https://cognitiveservices.azure.com/.default" {
			t.Errorf("scopes %v", got)
		}
		if state := s.State(); state.Kind != "entra" || !state.Ready || time.Until(state.Expires) != time.Hour {
			t.Errorf("state %+v", state)
		}
	})
}

func TestEntra_RefreshesFiveMinutesBeforeTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s, f := startedEntra(ctx, lasting(time.Hour))
		wantHeader(ctx, t, s, "Bearer token-1")
		time.Sleep(55 * time.Minute)
		wantAsked(t, f, 1)
		time.Sleep(time.Second)
		wantAsked(t, f, 2)
		wantHeader(ctx, t, s, "Bearer token-2")
	})
}

func TestEntra_RefreshesWhenTheIdentitySaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s, f := startedEntra(ctx, func(number int) (azcore.AccessToken, error) {
			token, err := lasting(24 * time.Hour)(number)
			token.RefreshOn = time.Now().Add(12 * time.Hour)
			return token, err
		})
		time.Sleep(12*time.Hour - time.Second)
		wantAsked(t, f, 1)
		time.Sleep(time.Second)
		wantAsked(t, f, 2)
		wantHeader(ctx, t, s, "Bearer token-2")
	})
}

func TestEntra_AFailedRefreshKeepsTheTokenUntilItExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s, _ := startedEntra(ctx, func(number int) (azcore.AccessToken, error) {
			if number > 1 {
				return azcore.AccessToken{}, errors.New("http://host.example/token has secret-value")
			}
			return lasting(time.Hour)(number)
		})
		time.Sleep(time.Hour - time.Millisecond)
		wantHeader(ctx, t, s, "Bearer token-1")
		if state := s.State(); !state.Ready || state.Error != "identity not available" {
			t.Errorf("state %+v", state)
		}
		time.Sleep(time.Millisecond)
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := s.Header(short)
		wantError(t, err, "identity not available")
		if s.State().Ready {
			t.Error("ready with an expired token")
		}
	})
}

func TestEntra_TheSameTokenAgainIsNotAskedForWithoutPause(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		expires := time.Now().Add(4 * time.Minute)
		s, f := startedEntra(ctx, func(int) (azcore.AccessToken, error) {
			return azcore.AccessToken{Token: "token", ExpiresOn: expires, RefreshOn: expires.Add(-time.Hour)}, nil
		})
		time.Sleep(4*time.Minute - time.Millisecond)
		synctest.Wait()
		if n := f.asked.Load(); n < 8 || n > 20 {
			t.Errorf("%d tokens asked for in 4 minutes", n)
		}
		refused := wantHeader(ctx, t, s, "Bearer token")
		if s.Renew(ctx, refused) {
			t.Error("renewed to the same token")
		}
	})
}

func TestEntra_UnusableTokensAreFailures(t *testing.T) {
	for name, token := range map[string]azcore.AccessToken{
		"empty":   {ExpiresOn: time.Now().Add(1e6 * time.Hour)},
		"expired": {Token: "token"},
		"broken":  {Token: "to\nken", ExpiresOn: time.Now().Add(1e6 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context) {
				s, _ := startedEntra(ctx, func(int) (azcore.AccessToken, error) { return token, nil })
				synctest.Wait()
				if state := s.State(); state.Ready || state.Error != "identity's token not usable" {
					t.Errorf("state %+v", state)
				}
			})
		})
	}
}

func TestEntra_APanicOfTheLibraryIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s, _ := startedEntra(ctx, func(number int) (azcore.AccessToken, error) {
			if number == 1 {
				panic("secret-value")
			}
			return lasting(time.Hour)(number)
		})
		synctest.Wait()
		if state := s.State(); state.Error != "identity library failed" {
			t.Errorf("state %+v", state)
		}
		wantHeader(ctx, t, s, "Bearer token-2")
	})
}
