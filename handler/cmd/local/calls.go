package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	deployment = "gpt-5.4-mini"
	apiVersion = "2024-10-21"
	callTime   = 30 * time.Second // a call's bound; every answer here takes well below a second
)

// sampleBody is the original sample's call in the form that current models take: with max_completion_tokens, and
// without the sampling parameters that reasoning models refuse.
const sampleBody = `{"messages":[` +
	`{"role":"system","content":"You are a helpful AI assistant. You always try to provide accurate answers or follow up with another question if not."},` +
	`{"role":"user","content":"What is the best way to get to London from Berlin?"}` +
	`],"max_completion_tokens":200%s}`

// answer is what a caller sees of one call.
type answer struct {
	status   int
	backend  string
	attempts int
	events   []time.Duration // of a stream: when each came, from the call on
	complete bool            // of a stream: it ended with data: [DONE]
}

func chatURL(base string) string {
	return base + "/openai/deployments/" + deployment + "/chat/completions?api-version=" + apiVersion
}

// chat sends the sample's call.
func chat(ctx context.Context, base string) (answer, error) {
	return call(ctx, base, fmt.Sprintf(sampleBody, ""), func(_ *answer, body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

// stream sends the sample's call and notes when each event of the answer comes.
func stream(ctx context.Context, base string) (answer, error) {
	began := time.Now()
	return call(ctx, base, fmt.Sprintf(sampleBody, `,"stream":true`), func(a *answer, body io.Reader) error {
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				a.events = append(a.events, time.Since(began))
				a.complete = data == "[DONE]"
			}
		}
		return lines.Err()
	})
}

func call(ctx context.Context, base, body string, read func(*answer, io.Reader) error) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, chatURL(base), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, backend: response.Header.Get("x-aoai-backend")}
	a.attempts, _ = strconv.Atoi(response.Header.Get("x-aoai-attempts"))
	return a, read(&a, response.Body)
}
