package credential_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"aoai-balancer/handler/internal/credential"
)

// vaultFunc is a vault with one secret. It is told how many requests there were before.
type vaultFunc func(ctx context.Context, before int) (string, error)

// fakeVault counts what it passes on to answer, and when each request came.
type fakeVault struct {
	answer vaultFunc

	mu    sync.Mutex
	began time.Time
	asked []time.Duration
}

func newFakeVault(answer vaultFunc) *fakeVault { return &fakeVault{answer: answer, began: time.Now()} }

func (f *fakeVault) GetSecret(
	ctx context.Context, _, _ string, _ *azsecrets.GetSecretOptions,
) (azsecrets.GetSecretResponse, error) {
	f.mu.Lock()
	before := len(f.asked)
	f.asked = append(f.asked, time.Since(f.began))
	f.mu.Unlock()
	secret, err := f.answer(ctx, before)
	if err != nil {
		return azsecrets.GetSecretResponse{}, err
	}
	return azsecrets.GetSecretResponse{Secret: azsecrets.Secret{Value: &secret}}, nil
}

func (f *fakeVault) requests() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func always(secret string) vaultFunc {
	return func(context.Context, int) (string, error) { return secret, nil }
}

// numbered gives key-1, key-2 and so on.
func numbered(_ context.Context, before int) (string, error) {
	return fmt.Sprint("key-", before+1), nil
}

// after answers like next when d has passed.
func after(d time.Duration, next vaultFunc) vaultFunc {
	return func(ctx context.Context, before int) (string, error) {
		select {
		case <-time.After(d):
			return next(ctx, before)
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// failing fails so many times before it answers like next.
func failing(times int, next vaultFunc) vaultFunc {
	return func(ctx context.Context, before int) (string, error) {
		if before < times {
			return "", errors.New("https://host.example has secret-value")
		}
		return next(ctx, before-times)
	}
}

// inBubble runs a test in fake time, and ends its sources before the bubble is looked at for what goes on.
func inBubble(t *testing.T, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		test(t, ctx)
	})
}

func started(ctx context.Context, f *fakeVault) *credential.Source {
	s := credential.Secret(f, "name", credential.Options{})
	s.Start(ctx)
	return s
}

func wantHeader(ctx context.Context, t *testing.T, s *credential.Source, want string) credential.Header {
	t.Helper()
	h, err := s.Header(ctx)
	if err != nil || h.Value != want {
		t.Errorf("header %q, error %v, want %q", h.Value, err, want)
	}
	return h
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	var public *credential.Error
	if !errors.As(err, &public) || err.Error() != want {
		t.Errorf("error %v (%T), want %q", err, err, want)
	}
}

func TestHeader_NeverShowsItsValue(t *testing.T) {
	h := credential.Header{Name: "api-key", Value: "secret-value"}
	encoded, err := json.Marshal(map[string]any{"a": h, "b": &h, "c": []credential.Header{h}})
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(encoded), h.String(), h.GoString(), fmt.Sprint(h, &h)}
	for verb := range strings.FieldsSeq("v +v #v s q x X d t b o e g c U") {
		shown = append(shown, fmt.Sprintf("%"+verb, h), fmt.Sprintf("%"+verb, &h),
			fmt.Sprintf("%"+verb, struct{ H credential.Header }{h}), fmt.Sprintf("%"+verb, []credential.Header{h}))
	}
	for _, text := range shown {
		if strings.Contains(text, "secret-value") || strings.Contains(text, fmt.Sprintf("%x", "secret")) {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestSource_NeverShowsItsValue(t *testing.T) {
	s := credential.Literal("secret-value")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, s); strings.Contains(text, "secret-value") {
			t.Errorf("%s shows %s", verb, text)
		}
	}
	if text := fmt.Sprintf("%+v", s.State()); strings.Contains(text, "secret-value") {
		t.Errorf("state shows %s", text)
	}
}

func TestLiteral_IsThereFromTheStart(t *testing.T) {
	s := credential.Literal(" key\r\n")
	s.Start(t.Context())
	h := wantHeader(t.Context(), t, s, "key")
	if h.Name != "api-key" {
		t.Errorf("name %q", h.Name)
	}
	if s.Renew(t.Context(), h) {
		t.Error("a literal key renewed itself")
	}
	if !s.Renew(t.Context(), credential.Header{Name: "api-key", Value: "other"}) {
		t.Error("the key is not the one refused")
	}
	if state := s.State(); !state.Ready || state.Kind != "literal" || state.Error != "" {
		t.Errorf("state %+v", state)
	}
}

func TestLiteral_UnusableKeysAreErrors(t *testing.T) {
	for _, tc := range []struct{ key, want string }{
		{"", "key is empty"},
		{" \n", "key is empty"},
		{"a\nb", "key has characters that no header may have"},
		{"a\x00b", "key has characters that no header may have"},
		{"schlüß", "key has characters that no header may have"},
	} {
		s := credential.Literal(tc.key)
		_, err := s.Header(t.Context())
		wantError(t, err, tc.want)
		if state := s.State(); state.Ready || state.Error != tc.want {
			t.Errorf("state %+v", state)
		}
	}
}

func TestSource_AValueAtHandCostsNothing(t *testing.T) {
	s := credential.Literal("key")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	allocations := testing.AllocsPerRun(100, func() { wantHeader(ended, t, s, "key") })
	if allocations > 0 {
		t.Errorf("%.0f allocations", allocations)
	}
}

func TestSource_ConcurrentUse(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(after(time.Millisecond, numbered)))
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 20 {
					h, err := s.Header(ctx)
					if err != nil {
						t.Error(err)
					}
					s.Renew(ctx, h)
					_ = s.State()
					time.Sleep(7 * time.Second) // of the bubble's time
				}
			})
		}
		wg.Wait()
	})
}

func BenchmarkSource_Header(b *testing.B) {
	s := credential.Literal("key")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Header(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
