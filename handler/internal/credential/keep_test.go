package credential_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/credential"
)

func within(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least || d > most {
		t.Errorf("%s took %v, want %v to %v", what, d, least, most)
	}
}

func TestStart_FetchesManySideBySideWithoutHoldingUp(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		began := time.Now()
		var sources []*credential.Source
		for range 20 {
			s := started(ctx, newFakeVault(after(time.Second, always("key"))))
			s.Start(ctx) // once more does nothing
			sources = append(sources, s)
		}
		within(t, "Start", time.Since(began), 0, 0)
		for _, s := range sources {
			wantHeader(ctx, t, s, "key")
		}
		within(t, "all fetches", time.Since(began), time.Second, time.Second)
	})
}

func TestHeader_WaitsForTheFetchUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(after(300*time.Millisecond, always(" key\n")))
		s := started(ctx, f)
		began := time.Now()
		wantHeader(ctx, t, s, "key")
		within(t, "Header", time.Since(began), 300*time.Millisecond, 300*time.Millisecond)
		for range 10 {
			wantHeader(ctx, t, s, "key")
		}
		if n := len(f.requests()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestHeader_WaitsNoLongerThanItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(after(time.Hour, always("key"))))
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := s.Header(short)
		wantError(t, err, "credential not there yet")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v is not the deadline's", err)
		}
	})
}

func TestHeader_GetsTheResultOfARetryAsSoonAsItIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(failing(1, always("key"))))
		began := time.Now()
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		wantHeader(short, t, s, "key")
		within(t, "Header", time.Since(began), 800*time.Millisecond, 1200*time.Millisecond)
	})
}

func TestHeader_DoesNotWaitInVain(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(failing(100, always("key"))))
		time.Sleep(20 * time.Second) // of the bubble's time: the next fetch is some seconds away
		synctest.Wait()
		began := time.Now()
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := s.Header(short)
		wantError(t, err, "vault's answer not understood")
		within(t, "Header", time.Since(began), 0, 0)
	})
}

func TestKeep_RetriesGrowToHalfAMinuteAndNeverEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(failing(1e6, always("key")))
		s := started(ctx, f)
		time.Sleep(time.Hour)
		asked := f.requests()
		want := []time.Duration{0, 1, 2, 4, 8, 16, 30, 30}
		for i := 1; i < len(want); i++ {
			wait := asked[i] - asked[i-1]
			within(t, "the wait", wait, want[i]*time.Second*4/5, min(want[i]*time.Second*6/5, 30*time.Second))
		}
		if n := len(asked); n < 120 || n > 160 {
			t.Errorf("%d requests in an hour", n)
		}
		if state := s.State(); state.Ready || state.Failures != len(asked) || state.Age != 0 {
			t.Errorf("state %+v", state)
		}
	})
}

func TestKeep_RefreshesSecretsInTheBackground(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(numbered)
		s := started(ctx, f)
		wantHeader(ctx, t, s, "key-1")
		time.Sleep(23 * time.Minute)
		if age := s.State().Age; age != 23*time.Minute {
			t.Errorf("age %v", age)
		}
		wantHeader(ctx, t, s, "key-1")
		time.Sleep(14 * time.Minute)
		wantHeader(ctx, t, s, "key-2")
		within(t, "the first refresh", f.requests()[1], 24*time.Minute, 36*time.Minute)
	})
}

func TestKeep_AFailedRefreshKeepsTheOldSecret(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(func(_ context.Context, before int) (string, error) {
			if before > 0 {
				return "", errors.New("away")
			}
			return "key", nil
		}))
		time.Sleep(10 * time.Hour)
		wantHeader(ctx, t, s, "key")
		if state := s.State(); !state.Ready || state.Failures < 100 || state.Error == "" || state.Age != 10*time.Hour {
			t.Errorf("state %+v", state)
		}
	})
}

func TestKeep_TellsEachNewsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var told []string
		s := credential.Secret(newFakeVault(failing(5, numbered)), "name", credential.Options{
			Log: func(event string, err error) {
				if err != nil {
					event += ": " + err.Error()
				}
				told = append(told, event)
				panic("a log that fails ends nothing")
			},
		})
		s.Start(ctx)
		wantHeader(ctx, t, s, "key-1")
		time.Sleep(40 * time.Minute)
		synctest.Wait()
		want := []string{"credential_failed: vault's answer not understood", "credential_ready", "credential_changed"}
		if len(told) != 3 || told[0] != want[0] || told[1] != want[1] || told[2] != want[2] {
			t.Errorf("told %q", told)
		}
	})
}

func TestKeep_APanicOfTheLibraryIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(func(_ context.Context, before int) (string, error) {
			if before == 0 {
				panic("secret-value")
			}
			return "key", nil
		}))
		synctest.Wait()
		if state := s.State(); state.Error != "credential library failed" {
			t.Errorf("state %+v", state)
		}
		wantHeader(ctx, t, s, "key")
	})
}

func TestKeep_AFetchThatHangsIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(func(ctx context.Context, before int) (string, error) {
			if before == 0 {
				<-ctx.Done()
				return "", errors.New("whatever")
			}
			return "key", nil
		})
		s := started(ctx, f)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if state := s.State(); state.Error != "vault did not answer in time" {
			t.Errorf("state %+v", state)
		}
		wantHeader(ctx, t, s, "key")
	})
}

func TestKeep_EndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		life, end := context.WithCancel(ctx)
		with := started(life, newFakeVault(numbered))
		without := started(life, newFakeVault(after(time.Hour, numbered)))
		wantHeader(ctx, t, with, "key-1")
		waited := make(chan error)
		go func() {
			_, err := without.Header(ctx)
			waited <- err
		}()
		synctest.Wait()
		end()
		wantError(t, <-waited, "credential no longer kept")
		h := wantHeader(ctx, t, with, "key-1")
		if with.Renew(ctx, h) {
			t.Error("renewed after the end")
		}
	})
}

func TestRenew_AsksOnceForAllWhoWereRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(after(100*time.Millisecond, numbered))
		s := started(ctx, f)
		refused := wantHeader(ctx, t, s, "key-1")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if !s.Renew(ctx, refused) {
					t.Error("not renewed")
				}
			})
		}
		wg.Wait()
		if !s.Renew(ctx, refused) { // somebody else has done it
			t.Error("not renewed")
		}
		if n := len(f.requests()); n != 2 {
			t.Errorf("%d requests", n)
		}
		wantHeader(ctx, t, s, "key-2")
	})
}

func TestRenew_AtMostOnceInHalfAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		f := newFakeVault(after(100*time.Millisecond, always("key")))
		s := started(ctx, f)
		refused := wantHeader(ctx, t, s, "key")
		for second := range 65 {
			began := time.Now()
			if s.Renew(ctx, refused) {
				t.Error("renewed to the same value")
			}
			took := time.Since(began)
			if asks := second%30 == 0; asks != (took > 0) {
				t.Errorf("in second %d it took %v", second, took)
			}
			time.Sleep(time.Second - took)
		}
		if n := len(f.requests()); n != 4 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestRenew_DoesNotTrustAFetchThatBeganBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		var secret atomic.Value
		secret.Store("old")
		f := newFakeVault(func(context.Context, int) (string, error) {
			read := secret.Load()
			time.Sleep(time.Second)
			return read.(string), nil
		})
		s := started(ctx, f)
		refused := wantHeader(ctx, t, s, "old")
		for len(f.requests()) < 2 { // until a refresh is under way
			time.Sleep(100 * time.Millisecond)
		}
		secret.Store("new")
		if !s.Renew(ctx, refused) {
			t.Error("the value read before the refusal was taken for the renewed one")
		}
		wantHeader(ctx, t, s, "new")
	})
}

func TestRenew_WaitsNoLongerThanItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context) {
		s := started(ctx, newFakeVault(func(ctx context.Context, before int) (string, error) {
			if before > 0 {
				<-ctx.Done()
			}
			return "key", ctx.Err()
		}))
		refused := wantHeader(ctx, t, s, "key")
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		began := time.Now()
		if s.Renew(short, refused) {
			t.Error("renewed")
		}
		within(t, "Renew", time.Since(began), time.Second, time.Second)
		wantHeader(ctx, t, s, "key")
	})
}
