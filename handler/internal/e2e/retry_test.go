package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// try is one answer that a client got, with times in seconds.
type try struct {
	Status int     `json:"status"`
	Sent   float64 `json:"sent"`
	Came   float64 `json:"came"`
	Wait   float64 `json:"wait"` // that the answer advertised
}

// refusedCaller makes one call that is refused for good and returns what the client saw.
type refusedCaller func(ctx context.Context, t *testing.T, base string) []try

// Every backend is throttled for good. A client that retries by itself waits as long as it was told, and all its tries
// together cost the backends a bounded number of calls.
func TestOfficialClients_TheirOwnRetriesWaitAsToldAndStayBounded(t *testing.T) {
	for name, caller := range map[string]refusedCaller{"openai-go": refusedGo, "openai-node": refusedNode, "openai-python": refusedPython} {
		for _, wait := range []time.Duration{700 * time.Millisecond, 6 * time.Second} {
			t.Run(name+" "+wait.String(), func(t *testing.T) {
				t.Parallel()
				ctx := bounded(t, time.Minute)
				westeurope, eastus := backends(t, simulator.Options{})
				for _, b := range []*stack.Backend{westeurope, eastus} {
					b.Script(simulator.Step{Times: -1, Status: http.StatusTooManyRequests, Header: map[string]string{"retry-after-ms": strconv.FormatInt(wait.Milliseconds(), 10)}})
				}
				p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
				tries := caller(ctx, t, p.URL)
				checkTries(t, tries, westeurope.Calls()+eastus.Calls())
			})
		}
	}
}

func checkTries(t *testing.T, tries []try, upstream int64) {
	t.Helper()
	if len(tries) != 3 {
		t.Fatalf("the client tried %d times: %v", len(tries), tries)
	}
	for i, got := range tries {
		if got.Status != http.StatusTooManyRequests || got.Wait <= 0 {
			t.Errorf("try %d: %+v", i, got)
		}
		if i > 0 && got.Sent-tries[i-1].Came < tries[i-1].Wait*0.99 {
			t.Errorf("told to wait %.3f s, the client waited %.3f s", tries[i-1].Wait, got.Sent-tries[i-1].Came)
		}
	}
	t.Logf("3 tries cost %d calls of the backends; told to wait %.2f and %.2f s, it waited %.2f and %.2f s", upstream,
		tries[0].Wait, tries[1].Wait, tries[1].Sent-tries[0].Came, tries[2].Sent-tries[1].Came)
	if upstream > 12 {
		t.Error("more than four attempts a try")
	}
}

func refusedGo(ctx context.Context, t *testing.T, base string) []try {
	var tries []try
	seconds := func() float64 { return float64(time.Now().UnixMicro()) / 1e6 }
	note := func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		sent := seconds()
		response, err := next(r)
		if err == nil {
			ms, _ := strconv.ParseFloat(response.Header.Get("retry-after-ms"), 64)
			tries = append(tries, try{response.StatusCode, sent, seconds(), ms / 1000})
		}
		return response, err
	}
	c := openai.NewClient(azure.WithEndpoint(base, "2024-10-21"), azure.WithAPIKey(callersKey), azure.WithUnsafeAllowHTTP(), option.WithMiddleware(note))
	_, err := c.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: "gpt", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
	})
	if err == nil {
		t.Error("the call was served")
	}
	return tries
}

func refusedNode(ctx context.Context, t *testing.T, base string) []try {
	node, dir := stack.NeedNode(t)
	return refusedProgram(t, dir, exec.CommandContext(ctx, node, "retry.mjs", base))
}

func refusedPython(ctx context.Context, t *testing.T, base string) []try {
	python, dir := stack.NeedPython(t)
	return refusedProgram(t, dir, exec.CommandContext(ctx, python, "retry.py", base))
}

func refusedProgram(t *testing.T, dir string, cmd *exec.Cmd) []try {
	t.Helper()
	cmd.Dir = dir
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args[1], err)
	}
	var tries []try
	if err := json.Unmarshal(said, &tries); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return tries
}
