package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const (
	chatPath = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"
	chatBody = `{"messages":[{"role":"user","content":"What is the best way to get to London from Berlin?"}],"max_completion_tokens":200}`
	sseBody  = `{"messages":[{"role":"user","content":"What is the best way to get to London from Berlin?"}],"stream":true}`
)

// client keeps a connection for each of the callers of a load.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}} //nolint:gochecknoglobals // it never changes

// answer is what a caller got, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) backend() string { return a.header.Get("x-aoai-backend") }

// post sends a call as a caller would.
func post(ctx context.Context, url, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("api-key", "the caller's own key")
	return client.Do(request)
}

func call(ctx context.Context, url, body string) (answer, error) {
	response, err := post(ctx, url, body)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return answer{response.StatusCode, response.Header, string(text)}, nil
}

// mustServe is a chat call that has to be answered with 200.
func mustServe(ctx context.Context, t *testing.T, base string) answer {
	t.Helper()
	a, err := call(ctx, base+chatPath, chatBody)
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("the call was answered %d %s (%v)", a.status, a.body, err)
	}
	return a
}
