package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// apiVersion takes max_completion_tokens, which current models want instead of max_tokens.
const apiVersion = "2025-04-01-preview"

// betweenTries is how long a call waits before it is sent again.
const betweenTries = 10 * time.Second

// target is what smoke calls.
type target struct {
	url, deployment string
	credential      http.Header // what proves the caller
}

func (s shell) smoke(ctx context.Context, arguments []string) error {
	f := s.flags("smoke")
	workload := f.String("name", "", "`workload` that \"gateway deploy\" deployed; default: azd's environment")
	address := f.String("url", "", "`address` of the gateway, or of the local stack; its key is taken from GATEWAY_KEY")
	deployment := f.String("deployment", "", "`name` of the chat deployment; default: the one that was deployed")
	calls := f.Int("calls", 4, "`number` of calls before the streamed one")
	wait := f.Duration("wait", 10*time.Minute, "how `long` to wait for a new gateway: roles take minutes to spread, and the app starts")
	if err := f.Parse(arguments); err != nil {
		return err
	}
	t, err := s.target(ctx, *workload, *address, *deployment)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *wait)
	defer cancel()
	s.say("POST %s", t.address())
	for range *calls {
		if err := s.patiently(ctx, func() error { return s.chat(ctx, t, false) }); err != nil {
			return err
		}
	}
	return s.patiently(ctx, func() error { return s.chat(ctx, t, true) })
}

func (s shell) target(ctx context.Context, workload, address, deployment string) (target, error) {
	if address != "" {
		t := target{url: address, deployment: cmp.Or(deployment, "gpt-5.4-mini"), credential: http.Header{}}
		if key := s.getenv("GATEWAY_KEY"); key != "" {
			t.credential.Set("api-key", key)
		}
		return t, nil
	}
	o, err := s.outputs(ctx, workload)
	if err != nil {
		return target{}, err
	}
	t := target{url: o["GATEWAY_URL"], deployment: cmp.Or(deployment, o["GATEWAY_CHAT_DEPLOYMENT"]), credential: http.Header{}}
	if o["AZURE_API_MANAGEMENT_SUBSCRIPTION_NAME"] == "" {
		token, err := s.token(ctx, "https://cognitiveservices.azure.com")
		t.credential.Set("Authorization", "Bearer "+token)
		return t, err
	}
	key, err := s.subscriptionKey(ctx, o)
	t.credential.Set(cmp.Or(o["GATEWAY_KEY_HEADER"], "api-key"), key)
	return t, err
}

func (t target) address() string {
	return fmt.Sprintf("%s/openai/deployments/%s/chat/completions?api-version=%s",
		strings.TrimSuffix(t.url, "/"), url.PathEscape(t.deployment), apiVersion)
}

// errUnready is a failure that a new gateway may show until it is ready.
var errUnready = errors.New("not ready")

// patiently tries until it works, or fails for good, or the time is over.
func (s shell) patiently(ctx context.Context, try func() error) error {
	for {
		err := try()
		if !errors.Is(err, errUnready) {
			return err
		}
		s.say("%v; trying again in %v", err, betweenTries)
		if s.pause(ctx, betweenTries) != nil {
			return fmt.Errorf("no success in time: %w", err)
		}
	}
}

// chat sends the call of the sample that this project grew from, in the form that current models take: they refuse
// max_tokens and, some of them, temperature.
func (s shell) chat(ctx context.Context, t target, stream bool) error {
	body, err := json.Marshal(map[string]any{
		"messages": []map[string]string{
			{"role": "system", "content": "You are a helpful travel guide. Answer in one sentence."},
			{"role": "user", "content": "What is the best way to get to London from Berlin?"},
		},
		"max_completion_tokens": 1000,
		"stream":                stream,
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.address(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = t.credential.Clone()
	request.Header.Set("Content-Type", "application/json")
	start := time.Now()
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnready, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	s.say("%s  backend %s, attempts %s", answer.Status, answer.Header.Get("x-aoai-backend"), answer.Header.Get("x-aoai-attempts"))
	if stream {
		return s.showStream(answer.Body, start)
	}
	return s.showAnswer(answer.Body)
}

// refusal tells what a gateway may say until it is ready from what stays.
func refusal(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 2<<10))
	err := fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(text))
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return err
	}
	return fmt.Errorf("%w: %w", errUnready, err)
}

// maxAnswer bounds an answer; the sample's is far below it.
const maxAnswer = 1 << 20

func (s shell) showAnswer(body io.Reader) error {
	var answer struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(&answer); err != nil {
		return fmt.Errorf("the answer is no chat completion: %w", err)
	}
	if len(answer.Choices) == 0 {
		return errors.New("the answer has no choices")
	}
	s.say("     %q", answer.Choices[0].Message.Content)
	return nil
}
