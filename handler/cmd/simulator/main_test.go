package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// started runs the program inside the test until the test ends.
type started struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	end  chan error
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	s := &started{t: t, stop: cancel, end: make(chan error, 1)}
	go func() {
		err := run(ctx, args, in)
		_ = in.CloseWithError(errors.Join(err, io.EOF))
		s.end <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v", err)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("first line %q", line)
	}
	s.url = url
	t.Cleanup(cancel)
	return s
}

func (s *started) send(method, path, body string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("api-key", "k1")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	got, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(got)
}

const (
	path     = "/openai/deployments/gpt-5.1/chat/completions?api-version=2024-10-21"
	question = `{"messages":[]}`
)

func TestRun_ServesWithControlBesideIt(t *testing.T) {
	s := start(t, "-name", "eastus", "-keys", "k0, k1", "-deployment", "gpt-5.1,model=m,rpm=2")
	if status, body := s.send("POST", path, question); status != 200 || !strings.Contains(body, "eastus") || !strings.Contains(body, `"model":"m"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.send("POST", "/simulator/script", `[{"status":503}]`); status != 204 {
		t.Errorf("%d %s", status, body)
	}
	for _, want := range []int{503, 200, 429} {
		if status, body := s.send("POST", path, question); status != want {
			t.Errorf("%d, want %d: %s", status, want, body)
		}
	}
	if status, body := s.send("GET", "/simulator/received", ""); status != 200 || strings.Count(body, `"sha256"`) != 4 {
		t.Errorf("%d %s", status, body)
	}
	s.stop()
	if err := <-s.end; err != nil {
		t.Errorf("end: %v", err)
	}
}

func TestRun_StopsByItself(t *testing.T) {
	s := start(t, "-for", "50ms")
	select {
	case err := <-s.end:
		if err != nil {
			t.Errorf("end: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still running")
	}
}

func TestRun_RefusesWhatItCannotServe(t *testing.T) {
	for _, args := range [][]string{
		{"-address", "0.0.0.0:0"}, {"-address", "nowhere"}, {"-words", "many"}, {"stray"},
		{"-deployment", ""}, {"-deployment", "a,rpm=x"}, {"-deployment", "a,rpm=-1"}, {"-deployment", "a,speed=1"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if err := run(ctx, args, io.Discard); err == nil {
			t.Errorf("%q runs", args)
		}
		cancel()
	}
}

func TestRun_HelpIsNoError(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"-help"}, &out); err != nil || !strings.Contains(out.String(), "-deployment") {
		t.Errorf("%v, %q", err, out.String())
	}
}

func FuzzParseDeployment_LimitsAreNeverNegative(f *testing.F) {
	f.Add("gpt-5.1,model=m,rpm=6,tpm=1000")
	f.Add("a, rpm = 1")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDeployment(text)
		if err == nil && (d.Name == "" || d.RequestsPerMinute < 0 || d.TokensPerMinute < 0) {
			t.Errorf("%q gives %+v", text, d)
		}
	})
}

func TestParseSettings_ReadsAllFlags(t *testing.T) {
	s, err := parseSettings(strings.Fields("-address [::1]:8080 -for 1m -name n -keys a,b -tokens c -deployment d,model=m,rpm=1,tpm=2 -deployment e -token-delay 1ms -first-delay 2ms -words 3 -window 10s -no-record"), io.Discard)
	want := &settings{address: "[::1]:8080", lifetime: time.Minute, options: simulator.Options{
		Name: "n", Keys: []string{"a", "b"}, Tokens: []string{"c"},
		Deployments: []simulator.Deployment{{Name: "d", Model: "m", RequestsPerMinute: 1, TokensPerMinute: 2}, {Name: "e"}},
		TokenDelay:  time.Millisecond, FirstDelay: 2 * time.Millisecond, Words: 3, Window: 10 * time.Second, NoRecord: true,
	}}
	if err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, %v", s, err)
	}
}
