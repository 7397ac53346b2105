package e2e

import (
	"context"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestOfficialClients_WorkUnmodified(t *testing.T) {
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
	officialClients(ctx, t, p.URL, westeurope, eastus)
}

// callersKey and callersToken must never arrive at a backend.
const (
	callersKey   = "the-callers-own-key"
	callersToken = "the-callers-own-token"
)

// officialClients makes a chat call and a stream with each client, in each way that it has to show a credential.
func officialClients(ctx context.Context, t *testing.T, base string, backends ...*stack.Backend) {
	for name, use := range map[string]func(context.Context, *testing.T, string){
		"openai-go with a key": func(ctx context.Context, t *testing.T, base string) {
			useGo(ctx, t, base, azure.WithAPIKey(callersKey))
		},
		"openai-go with a token": func(ctx context.Context, t *testing.T, base string) {
			useGo(ctx, t, base, azure.WithTokenCredential(token{}))
		},
		"openai-node with a key":   func(ctx context.Context, t *testing.T, base string) { useNode(ctx, t, base, "key", callersKey) },
		"openai-node with a token": func(ctx context.Context, t *testing.T, base string) { useNode(ctx, t, base, "token", callersToken) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, b := range backends {
				b.Forget()
			}
			use(ctx, t, base)
			checkReceived(t, backends)
		})
	}
}

// checkReceived looks for a chat call and a stream with the backend's own credential only.
func checkReceived(t *testing.T, backends []*stack.Backend) {
	t.Helper()
	streams, others := 0, 0
	for _, b := range backends {
		for _, r := range b.Received() {
			if r.Header.Get("api-key") != b.Key || r.Header.Get("Authorization") != "" {
				t.Errorf("%s got a credential that is not its own: %v", b.Name, r.Header)
			}
			if r.Stream {
				streams++
			} else {
				others++
			}
		}
	}
	if streams != 1 || others != 1 {
		t.Errorf("the backends got %d streams and %d other calls", streams, others)
	}
}

// token is an Entra token as a caller might have one.
type token struct{}

func (token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: callersToken, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func useGo(ctx context.Context, t *testing.T, base string, credential option.RequestOption) {
	c := openai.NewClient(azure.WithEndpoint(base, "2024-10-21"), credential, azure.WithUnsafeAllowHTTP())
	ask := openai.ChatCompletionNewParams{
		Model:    "gpt",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("What is the best way to get to London from Berlin?")},
	}
	var raw *http.Response
	completion, err := c.Chat.Completions.New(ctx, ask, option.WithResponseInto(&raw))
	if err != nil {
		t.Fatalf("chat: %v", err)
	}
	if len(completion.Choices) != 1 || completion.Choices[0].Message.Content == "" || raw.Header.Get("x-aoai-backend") == "" {
		t.Errorf("chat answered %s with %v", completion.RawJSON(), raw.Header)
	}
	stream := c.Chat.Completions.NewStreaming(ctx, ask)
	var text strings.Builder
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text.WriteString(choice.Delta.Content)
		}
	}
	if stream.Err() != nil || text.Len() == 0 {
		t.Errorf("the stream said %q and ended with %v", text.String(), stream.Err())
	}
	t.Logf("chat: %q; stream: %q", completion.Choices[0].Message.Content, text.String())
}

func useNode(ctx context.Context, t *testing.T, base, kind, credential string) {
	node, dir := stack.NeedNode(t)
	cmd := exec.CommandContext(ctx, node, "client.mjs", base, kind, credential)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("client.mjs: %v\n%s", err, said)
	}
	t.Logf("%s", strings.TrimSpace(string(said)))
}
