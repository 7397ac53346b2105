package simulator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"aoai-balancer/handler/internal/simulator"
)

func TestReceived_KeepsWhatCameAsItCame(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	path := "/openai/deployments/my%2Fgpt%205.1/chat/completions"
	a.post(path+"?api-version=2024-10-21&x=%20", streaming, "x-test", "1").want(t, 200)
	got := a.Received()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	q, sum := got[0], sha256.Sum256([]byte(streaming))
	if q.Path != path || q.Query != "api-version=2024-10-21&x=%20" || q.Method != "POST" || q.Deployment != "my/gpt 5.1" {
		t.Errorf("request %+v", q)
	}
	if string(q.Body) != streaming || q.Length != int64(len(streaming)) || q.SHA256 != hex.EncodeToString(sum[:]) || !q.Stream {
		t.Errorf("body %q, %d bytes, %s", q.Body, q.Length, q.SHA256)
	}
	if q.Header.Get("X-Test") != "1" || q.Host != strings.TrimPrefix(a.url, "http://") || q.Time.IsZero() {
		t.Errorf("request %+v", q)
	}
}

// The request line's own form is kept even where it is not a valid path.
func TestReceived_KeepsWhatNoURLWouldKeep(t *testing.T) {
	s := simulator.New(simulator.Options{})
	for _, target := range []string{`/openai/a"b`, "//openai", "http://elsewhere/openai/x"} {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
	}
	for i, want := range []string{`/openai/a"b`, "//openai", "/openai/x"} {
		if got := s.Received()[i].Path; got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
}

func TestReceived_LongBodiesAreLengthAndHash(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	body := `{"messages":"` + strings.Repeat("x", 3<<20) + `"}`
	a.post(chatPath, body).want(t, 200)
	q, sum := a.Received()[0], sha256.Sum256([]byte(body))
	if q.Body != nil || q.Length != int64(len(body)) || q.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%d bytes of %d, %s", len(q.Body), q.Length, q.SHA256)
	}
}

func TestReceived_ForgetAndNoRecord(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.post(chatPath, question).want(t, 200)
	a.Forget()
	if got := a.Received(); len(got) != 0 || a.Calls() != 1 {
		t.Errorf("%d requests, %d calls", len(got), a.Calls())
	}
	a = overTCP(t, simulator.Options{NoRecord: true})
	a.post(chatPath, question).want(t, 200)
	if got := a.Received(); len(got) != 0 || a.Calls() != 1 {
		t.Errorf("%d requests, %d calls", len(got), a.Calls())
	}
}

func TestReceived_KeepsTheNewest(t *testing.T) {
	const beyond, kept = 20_010, 20_000
	s := simulator.New(simulator.Options{})
	for i := range beyond {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/openai/%d", i), nil))
	}
	got := s.Received()
	if len(got) != kept || got[0].Path != "/openai/10" || got[kept-1].Path != "/openai/20009" {
		t.Errorf("%d requests from %s to %s", len(got), got[0].Path, got[len(got)-1].Path)
	}
}

func TestReceived_BodiesAreBoundedInAll(t *testing.T) {
	s := simulator.New(simulator.Options{})
	body := bytes.Repeat([]byte("x"), 64<<10)
	const calls, kept = 1100, 1024 // 1,024 times 64 KiB are 64 MiB
	for range calls {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/openai/x", bytes.NewReader(body)))
	}
	got := s.Received()
	if len(got) != calls || got[calls-kept-1].Body != nil || got[calls-kept].Body == nil || got[0].Length != 64<<10 {
		t.Errorf("bodies are not the newest %d of %d", kept, len(got))
	}
}

func TestSimulator_ServesManyAtOnce(t *testing.T) {
	a := overTCP(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt-5.1", RequestsPerMinute: 50}}})
	a.Script(simulator.Step{Status: 503, Times: 10})
	var callers sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for range 8 {
		callers.Go(func() {
			for range 10 {
				r := a.post(chatPath, streaming)
				mu.Lock()
				counts[r.StatusCode]++
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	if counts[503] != 10 || counts[200] != 50 || counts[429] != 20 || a.Calls() != 80 || len(a.Received()) != 80 {
		t.Errorf("answers %v, %d calls, %d received", counts, a.Calls(), len(a.Received()))
	}
}
