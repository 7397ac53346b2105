package simulator_test

import (
	"strconv"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

func TestQuota_RefusesBeyondTheRequestsOfAWindow(t *testing.T) {
	o := simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt-5.1", RequestsPerMinute: 3}, {Name: "other"}}}
	inBubble(t, o, func(t *testing.T, a resource) {
		for remaining := 2; remaining >= 0; remaining-- {
			r := a.post(chatPath, question).want(t, 200)
			if got := r.Header.Get("X-Ratelimit-Remaining-Requests"); got != strconv.Itoa(remaining) {
				t.Errorf("remaining %q, want %d", got, remaining)
			}
		}
		time.Sleep(9500*time.Millisecond + time.Microsecond)
		r := a.post(chatPath, question).want(t, 429, `"code":"429"`, "call rate limit", "51 seconds")
		for name, want := range map[string]string{"Retry-After": "51", "Retry-After-Ms": "50500", "X-Ratelimit-Reset-Requests": "51", "X-Ratelimit-Limit-Requests": "3"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		a.post("/openai/deployments/other/chat/completions?api-version=x", question).want(t, 200)
		time.Sleep(50500 * time.Millisecond)
		a.post(chatPath, question).want(t, 200)
	})
}

func TestQuota_CountsPromptAndLongestAnswer(t *testing.T) {
	o := simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt-5.1", TokensPerMinute: 120}}}
	inBubble(t, o, func(t *testing.T, a resource) {
		r := a.post(chatPath, `{"max_tokens":100,"messages":[{"role":"user","content":"one two three four"}]}`).want(t, 200)
		if got := r.Header.Get("X-Ratelimit-Remaining-Tokens"); got != "16" {
			t.Errorf("remaining %q, want 16", got)
		}
		a.post(chatPath, question).want(t, 200) // 4 words and 8 of the answer
		r = a.post(chatPath, question).want(t, 429, "token rate limit")
		if got := r.Header.Get("X-Ratelimit-Reset-Tokens"); got != "60" {
			t.Errorf("reset %q, want 60", got)
		}
	})
}

func TestQuota_ShorterWindowAllowsItsShare(t *testing.T) {
	o := simulator.Options{Window: 10 * time.Second, Deployments: []simulator.Deployment{{Name: "gpt-5.1", RequestsPerMinute: 12}}}
	inBubble(t, o, func(t *testing.T, a resource) {
		for _, want := range []int{200, 200, 429} {
			a.post(chatPath, question).want(t, want)
		}
		time.Sleep(10 * time.Second)
		a.post(chatPath, question).want(t, 200)
	})
}

func TestQuota_RefusedAndScriptedCallsUseNothingUp(t *testing.T) {
	o := simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt-5.1", RequestsPerMinute: 1}}}
	inBubble(t, o, func(t *testing.T, a resource) {
		a.Script(simulator.Step{Status: 500})
		a.post(chatPath, question).want(t, 500)
		a.post(chatPath, `{`).want(t, 400)
		a.post(chatPath, question, "api-key", "").want(t, 401)
		a.post(chatPath, question).want(t, 200)
	})
}
