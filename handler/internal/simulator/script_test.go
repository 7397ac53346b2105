package simulator_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

func TestScript_StepsComeInOrderThenNormalService(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.Script(simulator.Step{Status: 503}, simulator.Step{Status: 500, Times: 2})
	for _, want := range []int{503, 500, 500, 200} {
		a.post(chatPath, question).want(t, want)
	}
}

func TestScript_DeploymentStepWaitsForItsDeployment(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.Script(simulator.Step{Status: 503, Deployment: "other"}, simulator.Step{Status: 500})
	a.post(chatPath, question).want(t, 500)
	a.post(chatPath, question).want(t, 200)
	a.post("/openai/v1/chat/completions", `{"model":"other","messages":[]}`).want(t, 503)
}

func TestScript_ForeverLastsUntilForget(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.Script(simulator.Step{Status: 500, Times: -1})
	for range 5 {
		a.post(chatPath, question).want(t, 500)
	}
	a.Forget()
	a.post(chatPath, question).want(t, 200)
}

func TestScript_AnswersWithAzuresBodies(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	for status, word := range map[int]string{
		400: `"code":"content_filter"`, 401: `"code":"401"`, 403: `"code":"403"`, 404: `"code":"DeploymentNotFound"`,
		408: `"code":"Timeout"`, 429: `"code":"429"`, 500: `"server_error"`, 503: `temporarily unable`, 418: `"code":"418"`,
	} {
		a.Script(simulator.Step{Status: status})
		r := a.post(chatPath, question).want(t, status, word)
		if got := r.Header.Get("Retry-After"); got != "" {
			t.Errorf("%d: unasked Retry-After %q", status, got)
		}
	}
	a.Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after": "7"}})
	if r := a.post(chatPath, question).want(t, 429, "after 7 seconds"); r.Header.Get("Retry-After") != "7" {
		t.Errorf("headers %v", r.Header)
	}
	a.Script(simulator.Step{Status: 401, Body: simulator.PermissionDeniedBody})
	a.post(chatPath, question).want(t, 401, `"PermissionDenied"`)
	a.Script(simulator.Step{Body: "{}"}, simulator.Step{Status: 204})
	if r := a.post(chatPath, question).want(t, 200); r.body != "{}" {
		t.Errorf("body %q", r.body)
	}
	a.post(chatPath, question).want(t, 204)
	a.Script(simulator.Step{Status: 202, Header: map[string]string{"x-ms-spillover-deployment": "spare"}})
	if r := a.post(chatPath, question).want(t, 202, "chat.completion"); r.Header.Get("x-ms-spillover-deployment") != "spare" {
		t.Errorf("headers %v", r.Header)
	}
}

func TestScript_DelaysAreKept(t *testing.T) {
	inBubble(t, simulator.Options{Words: 3, FirstDelay: time.Second, TokenDelay: 100 * time.Millisecond}, func(t *testing.T, a resource) {
		took := func(body string) time.Duration {
			begun := time.Now()
			a.post(chatPath, body).want(t, 200)
			return time.Since(begun)
		}
		if got := took(question); got != time.Second {
			t.Errorf("plain answer took %v", got)
		}
		// 7 events: prompt, role, 3 words, end, [DONE].
		if got := took(streaming); got != 1600*time.Millisecond {
			t.Errorf("stream took %v", got)
		}
		a.Script(simulator.Step{Delay: 3 * time.Second, EventDelay: time.Second})
		if got := took(streaming); got != 9*time.Second {
			t.Errorf("scripted stream took %v", got)
		}
	})
}

func TestScript_EachEventIsFlushed(t *testing.T) {
	inBubble(t, simulator.Options{Words: 2, TokenDelay: time.Minute}, func(t *testing.T, a resource) {
		begun := time.Now()
		response, err := a.client.Do(a.request("POST", chatPath, streaming))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		for i := 0; lines.Scan(); {
			if lines.Text() == "" {
				continue
			}
			if got := time.Since(begun); got != time.Duration(i)*time.Minute {
				t.Errorf("event %d after %v", i, got)
			}
			i++
		}
	})
}

func TestScript_EventsAreSentAsTheyAre(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.Script(simulator.Step{Events: []string{"event: error\ndata: {\"error\":{\"code\":\"rate_limit_exceeded\"}}", "data: [DONE]"}})
	r := a.post(chatPath, streaming).want(t, 200)
	if want := "event: error\ndata: {\"error\":{\"code\":\"rate_limit_exceeded\"}}\n\ndata: [DONE]\n\n"; r.body != want {
		t.Errorf("body %q", r.body)
	}
	if got := r.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("content type %q", got)
	}
}

func TestScript_CutBreaksTheStreamAfterItsEvents(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	for _, c := range []struct{ after, want int }{{3, 3}, {-1, 0}, {99, 12}} {
		a.Script(simulator.Step{CutAfter: c.after})
		response, err := a.client.Do(a.request("POST", chatPath, streaming))
		if err != nil {
			t.Fatal(err)
		}
		r := finish(response)
		if got := strings.Count(r.body, "\n\n"); !errors.Is(r.err, io.ErrUnexpectedEOF) || got != c.want {
			t.Errorf("cut after %d: %d events, error %v", c.after, got, r.err)
		}
	}
}

func TestScript_CutBreaksAPlainAnswerHalfway(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	a.Script(simulator.Step{CutAfter: 1})
	r := a.post(chatPath, question)
	if r.StatusCode != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || len(r.body) == 0 {
		t.Errorf("status %d, %d bytes, error %v", r.StatusCode, len(r.body), r.err)
	}
}

func TestScript_ResetComesBeforeHeadersOrInTheStream(t *testing.T) {
	t.Run("over TCP", func(t *testing.T) { wantResets(t, overTCP(t, simulator.Options{})) })
	t.Run("in memory", func(t *testing.T) { inBubble(t, simulator.Options{}, wantResets) })
}

func wantResets(t *testing.T, a resource) {
	a.Script(simulator.Step{Reset: true})
	if _, err := a.client.Do(a.request("POST", chatPath, question)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	a.Script(simulator.Step{Reset: true, CutAfter: 2, EventDelay: 20 * time.Millisecond})
	response, err := a.client.Do(a.request("POST", chatPath, streaming))
	if err != nil {
		t.Fatal(err)
	}
	if r := finish(response); !errors.Is(r.err, syscall.ECONNRESET) {
		t.Errorf("reset in the stream: %v after %q", r.err, r.body)
	}
	if got := a.Calls(); got != 2 {
		t.Errorf("%d calls", got)
	}
}

func TestScript_StallIsSilentUntilTheCallerLeaves(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Stall: 4})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begun := time.Now()
		response, err := a.client.Do(a.request("POST", chatPath, streaming).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		r := finish(response)
		if got := strings.Count(r.body, "\n\n"); got != 4 || !errors.Is(r.err, context.DeadlineExceeded) || time.Since(begun) != time.Hour {
			t.Errorf("%d events, %v, after %v", got, r.err, time.Since(begun))
		}
		if left := <-a.Left(); left.Deployment != "gpt-5.1" || !left.Stream {
			t.Errorf("left %+v", left)
		}
	})
}

func TestScript_HangNeverAnswersButReadsAndRecords(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := a.client.Do(a.request("POST", chatPath, question).WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if got := a.Received(); len(got) != 1 || string(got[0].Body) != question {
			t.Errorf("received %v", got)
		}
		<-a.Left()
	})
}

func TestScript_HangBeforeTheBodyStillNoticesTheCallerLeave(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Hang: true, Early: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := a.client.Do(a.request("POST", chatPath, question).WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		<-a.Left()
	})
}

// An early answer arrives although the request is larger than what any buffer
// takes, and nobody reads it.
func TestScript_EarlyAnswersBeforeTheBodyIsRead(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Status: 429, Early: true})
		r := a.request("POST", chatPath, "")
		r.Body, r.ContentLength = io.NopCloser(slowBody(16<<20)), -1
		response, err := a.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		finish(response).want(t, 429)
		if got := a.Received(); len(got) != 1 || got[0].Length != 0 {
			t.Errorf("received %d bytes", got[0].Length)
		}
	})
}

// The caller of a half-sent request has its answer before it sends the rest.
func TestScript_EarlyDoesNotWaitForASmallBodyEither(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Status: 429, Early: true})
		rest, send := io.Pipe()
		r := a.request("POST", chatPath, "")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("{"), rest)), 2
		finish(mustDo(t, a, r)).want(t, 429)
		_ = send.Close()
	})
}

func TestLeft_TellsOfCallersThatLeaveAndNoOthers(t *testing.T) {
	inBubble(t, simulator.Options{TokenDelay: time.Second}, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Delay: time.Minute}, simulator.Step{CutAfter: 1}, simulator.Step{Reset: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := a.client.Do(a.request("POST", chatPath, question, "x-test", "in the delay").WithContext(ctx))
		cancel()
		if err == nil {
			t.Fatal("answered")
		}
		_ = finish(mustDo(t, a, a.request("POST", chatPath, streaming))) // cut
		if _, err := a.client.Do(a.request("POST", chatPath, question)); err == nil {
			t.Fatal("not reset")
		}
		a.post(chatPath, streaming).want(t, 200) // complete
		response := mustDo(t, a, a.request("POST", chatPath, streaming, "x-test", "in the stream"))
		_ = response.Body.Close()
		synctest.Wait()
		for _, want := range []string{"in the delay", "in the stream"} {
			select {
			case q := <-a.Left():
				if got := q.Header.Get("x-test"); got != want {
					t.Errorf("left %q, want %q", got, want)
				}
			default:
				t.Errorf("nobody left %s", want)
			}
		}
		select {
		case q := <-a.Left():
			t.Errorf("left, too: %v", q)
		default:
		}
	})
}

func mustDo(t *testing.T, a resource, r *http.Request) *http.Response {
	t.Helper()
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestLeft_TellsOfACallerThatLeavesWhileSending(t *testing.T) {
	inBubble(t, simulator.Options{}, func(t *testing.T, a resource) {
		r := a.request("POST", chatPath, "")
		broken := io.MultiReader(strings.NewReader(`{"messages":`), errReader{})
		r.Body, r.ContentLength = io.NopCloser(broken), -1
		if _, err := a.client.Do(r); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("error %v", err)
		}
		if q := <-a.Left(); q.Length != 12 {
			t.Errorf("left after %d bytes", q.Length)
		}
	})
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, os.ErrInvalid }
