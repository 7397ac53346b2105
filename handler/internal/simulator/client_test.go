package simulator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/azure"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"aoai-balancer/handler/internal/simulator"
)

// The tests here are the check that the wire is right: OpenAI's own client for
// Go with its Azure option must be content.

func officialClient(a resource, extra ...option.RequestOption) openai.Client {
	options := []option.RequestOption{
		azure.WithEndpoint(a.url, "2024-10-21"), azure.WithAPIKey("k1"), azure.WithUnsafeAllowHTTP(), option.WithMaxRetries(0),
	}
	return openai.NewClient(append(options, extra...)...)
}

func askHowFar() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "gpt-5.1", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("how far is it")}}
}

func TestOfficialClient_Chat(t *testing.T) {
	client := officialClient(overTCP(t, simulator.Options{Name: "westeurope", Words: 3}))
	got, err := client.Chat.Completions.New(t.Context(), askHowFar())
	if err != nil {
		t.Fatal(err)
	}
	if got.Choices[0].Message.Content != "westeurope answers in" || got.Usage.TotalTokens != 7 || got.Choices[0].FinishReason != "stop" {
		t.Errorf("completion %+v", got)
	}
}

func TestOfficialClient_ChatStream(t *testing.T) {
	client := officialClient(overTCP(t, simulator.Options{Name: "westeurope", Words: 3}))
	params := askHowFar()
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(t.Context(), params)
	var whole openai.ChatCompletionAccumulator
	for stream.Next() {
		if chunk := stream.Current(); chunk.ID != "" && !whole.AddChunk(chunk) { // Azure's first chunk has no id
			t.Errorf("chunk does not fit: %s", chunk.RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if whole.Choices[0].Message.Content != "westeurope answers in" || whole.Usage.CompletionTokens != 3 {
		t.Errorf("completion %+v", whole.ChatCompletion)
	}
}

func TestOfficialClient_Embeddings(t *testing.T) {
	client := officialClient(overTCP(t, simulator.Options{}))
	got, err := client.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
		Model: "text-embedding-3-small",
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"red door", "blue door"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != 2 || len(got.Data[1].Embedding) != 1536 || got.Usage.PromptTokens != 4 {
		t.Errorf("%d vectors, usage %+v", len(got.Data), got.Usage)
	}
}

func TestOfficialClient_Responses(t *testing.T) {
	server := overTCP(t, simulator.Options{Name: "westeurope", Words: 3})
	client := officialClient(server)
	params := responses.ResponseNewParams{Model: "gpt-5.1", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("how far is it")}}
	first, err := client.Responses.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if first.OutputText() != "westeurope answers in" || first.Usage.InputTokens != 4 || first.Status != "completed" {
		t.Errorf("response %s", first.RawJSON())
	}
	params.PreviousResponseID = openai.String(first.ID)
	stream := client.Responses.NewStreaming(t.Context(), params)
	var text strings.Builder
	last := ""
	for stream.Next() {
		event := stream.Current()
		last = event.Type
		text.WriteString(event.AsResponseOutputTextDelta().Delta)
	}
	if stream.Err() != nil || last != "response.completed" || text.String() != "westeurope answers in" {
		t.Errorf("%q, last %s, %v", text.String(), last, stream.Err())
	}
	if again, err := client.Responses.Get(t.Context(), first.ID, responses.ResponseGetParams{}); err != nil || again.ID != first.ID {
		t.Errorf("get: %v", err)
	}
}

func TestOfficialClient_V1(t *testing.T) {
	server := overTCP(t, simulator.Options{})
	client := openai.NewClient(option.WithBaseURL(server.url+"/openai/v1/"), option.WithAPIKey("token"), option.WithMaxRetries(0))
	got, err := client.Chat.Completions.New(t.Context(), askHowFar())
	if err != nil || got.Model != "gpt-5.1" {
		t.Fatalf("%v, %v", got, err)
	}
	if header := server.Received()[0].Header.Get("Authorization"); header != "Bearer token" {
		t.Errorf("authorization %q", header)
	}
}

func TestOfficialClient_ReadsErrorsAndRetriesAsTold(t *testing.T) {
	server := overTCP(t, simulator.Options{})
	server.Script(simulator.Step{Status: 400}, simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "1"}})
	client := officialClient(server, option.WithMaxRetries(1))
	var refused *openai.Error
	if _, err := client.Chat.Completions.New(t.Context(), askHowFar()); !errors.As(err, &refused) || refused.Code != "content_filter" {
		t.Errorf("error %v", err)
	}
	if _, err := client.Chat.Completions.New(t.Context(), askHowFar()); err != nil || server.Calls() != 3 {
		t.Errorf("%v after %d calls", err, server.Calls())
	}
}

func TestOfficialClient_SeesAnErrorEventInAStream(t *testing.T) {
	server := overTCP(t, simulator.Options{})
	server.Script(simulator.Step{Events: []string{`data: {"error":{"code":"rate_limit_exceeded","message":"slow down"}}`}})
	client := officialClient(server)
	stream := client.Chat.Completions.NewStreaming(t.Context(), askHowFar())
	for stream.Next() {
		t.Errorf("chunk %s", stream.Current().RawJSON())
	}
	if err := stream.Err(); err == nil || !strings.Contains(err.Error(), "rate_limit_exceeded") {
		t.Errorf("error %v", err)
	}
}
