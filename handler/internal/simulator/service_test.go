package simulator_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/simulator"
)

func TestChat_AnswersWithNameModelAndCountedUsage(t *testing.T) {
	a := overTCP(t, simulator.Options{Name: "westeurope", Words: 5, Deployments: []simulator.Deployment{{Name: "gpt-5.1", Model: "gpt-5.1-2025-11-13"}}})
	r := a.post(chatPath, question).want(t, 200)
	wantField(t, r.body, "gpt-5.1-2025-11-13", "model")
	wantField(t, r.body, "westeurope answers in words that", "choices", 0, "message", "content")
	wantField(t, r.body, 4.0, "usage", "prompt_tokens")
	wantField(t, r.body, 5.0, "usage", "completion_tokens")
	wantField(t, r.body, 9.0, "usage", "total_tokens")
	for _, name := range []string{"Apim-Request-Id", "X-Ms-Region", "Azureml-Model-Session", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Remaining-Tokens"} {
		if r.Header.Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
	if got := r.Header.Get("X-Simulator-Backend"); got != "westeurope" {
		t.Errorf("backend %q", got)
	}
}

func TestChat_CallersLimitEndsTheAnswer(t *testing.T) {
	a := overTCP(t, simulator.Options{Words: 8})
	r := a.post(chatPath, `{"max_completion_tokens":3,"messages":[]}`).want(t, 200)
	wantField(t, r.body, "length", "choices", 0, "finish_reason")
	wantField(t, r.body, 3.0, "usage", "completion_tokens")
}

func TestChat_StreamHasAzuresOrder(t *testing.T) {
	a := overTCP(t, simulator.Options{Words: 2})
	r := a.post(chatPath, `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi there"}]}`).want(t, 200)
	if got := r.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	wants := []string{`"prompt_filter_results"`, `"role":"assistant"`, `"content":"simulator"`, `"content":" answers"`, `"finish_reason":"stop"`, `"total_tokens":4`, "data: [DONE]"}
	got := events(r.body)
	if len(got) != len(wants) {
		t.Fatalf("%d events, want %d: %s", len(got), len(wants), r.body)
	}
	for i, want := range wants {
		data, ok := strings.CutPrefix(got[i], "data: ")
		if !ok || !strings.Contains(got[i], want) {
			t.Errorf("event %d is %s, want %s", i, got[i], want)
		}
		if data != "[DONE]" && !json.Valid([]byte(data)) {
			t.Errorf("event %d is no JSON: %s", i, data)
		}
	}
	wantField(t, strings.TrimPrefix(got[0], "data: "), "", "id")
}

func TestChat_StreamWithoutUsageSaysNothingOfIt(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	if r := a.post(chatPath, streaming).want(t, 200); strings.Contains(r.body, "usage") {
		t.Errorf("usage in %s", r.body)
	}
}

func TestCompletions_PlainAndStream(t *testing.T) {
	a := overTCP(t, simulator.Options{Words: 3})
	path := "/openai/deployments/text/completions?api-version=2024-10-21"
	r := a.post(path, `{"prompt":"once upon a time"}`).want(t, 200)
	wantField(t, r.body, "simulator answers in", "choices", 0, "text")
	wantField(t, r.body, 4.0, "usage", "prompt_tokens")
	r = a.post(path, `{"prompt":"once","stream":true}`).want(t, 200, `"text":" in"`)
	if got := events(r.body); len(got) != 6 || got[5] != "data: [DONE]" {
		t.Errorf("events %q", got)
	}
}

func TestV1_TakesTheDeploymentFromTheBody(t *testing.T) {
	a := overTCP(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "chat"}}})
	a.post("/openai/v1/chat/completions", `{"model":"chat","messages":[]}`).want(t, 200, `"model":"chat"`)
	a.post("/openai/v1/chat/completions", `{"model":"none","messages":[]}`).want(t, 404, "DeploymentNotFound")
	a.post("/openai/v1/chat/completions", `{"messages":[]}`).want(t, 400, "'model'")
	if got := a.Received()[0].Deployment; got != "chat" {
		t.Errorf("deployment %q", got)
	}
}

func TestV1_TakesTheDeploymentFromAForm(t *testing.T) {
	a := overTCP(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "whisper"}}})
	for model, status := range map[string]int{"whisper": 200, "none": 404} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_, _ = form.CreateFormFile("file", "speech.wav")
		_ = form.WriteField("model", model)
		_ = form.Close()
		a.post("/openai/v1/audio/transcriptions", body.String(), "Content-Type", form.FormDataContentType()).want(t, status)
	}
}

func TestEmbeddings_AreUnitVectorsThatOnlyTheInputDecides(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	path := "/openai/deployments/embed/embeddings?api-version=2024-10-21"
	r := a.post(path, `{"input":["red door","blue door","red door"],"dimensions":64}`).want(t, 200)
	first, second, third := vector(t, r.body, 0), vector(t, r.body, 1), vector(t, r.body, 2)
	if fmt.Sprint(first) == fmt.Sprint(second) || fmt.Sprint(first) != fmt.Sprint(third) {
		t.Error("vectors do not follow their inputs")
	}
	sum := 0.0
	for _, x := range first {
		sum += x * x
	}
	if len(first) != 64 || math.Abs(sum-1) > 1e-5 {
		t.Errorf("%d dimensions of length %v", len(first), sum)
	}
	wantField(t, r.body, 6.0, "usage", "prompt_tokens")
	r = a.post(path, `{"input":"red door","encoding_format":"base64"}`).want(t, 200)
	packed, err := base64.StdEncoding.DecodeString(field(t, r.body, "data", 0, "embedding").(string))
	if err != nil || len(packed) != 4*1536 {
		t.Errorf("%d bytes, %v", len(packed), err)
	}
	a.post(path, `{"input":[]}`).want(t, 400, "input")
	a.post(path, `{"input":"x","dimensions":99999}`).want(t, 400, "dimensions")
}

func vector(t *testing.T, body string, i int) []float64 {
	t.Helper()
	var out []float64
	for _, x := range field(t, body, "data", i, "embedding").([]any) {
		out = append(out, x.(float64))
	}
	return out
}

func TestModels_ListsWhatIsDeployed(t *testing.T) {
	a := overTCP(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "a", Model: "m1"}, {Name: "b", Model: "m1"}, {Name: "c"}}})
	r := a.send("GET", "/openai/models?api-version=2024-10-21", "").want(t, 200)
	wantField(t, r.body, "c", "data", 0, "id")
	wantField(t, r.body, "m1", "data", 1, "id")
	a.send("GET", "/openai/v1/models/m1", "").want(t, 200, `"object":"model"`)
	a.send("GET", "/openai/v1/models/m2", "").want(t, 404)
}

func TestService_RefusesAsAzureDoes(t *testing.T) {
	a := overTCP(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt-5.1"}}})
	for _, c := range []struct {
		method, path, body string
		status             int
		word               string
	}{
		{"POST", "/openai/deployments/none/chat/completions?api-version=x", question, 404, `"code":"DeploymentNotFound"`},
		{"POST", "/openai/deployments/gpt-5.1/chat/completions", question, 404, "Resource not found"},
		{"POST", "/openai/deployments/gpt-5.1/nothing?api-version=x", question, 404, "Resource not found"},
		{"GET", "/openai/deployments/gpt-5.1/chat/completions?api-version=x", "", 404, "Resource not found"},
		{"POST", "/openai/deployments/gpt-5.1/responses?api-version=x", question, 404, "Resource not found"},
		{"POST", "/elsewhere", question, 404, "Resource not found"},
		{"POST", chatPath, `{"messages":`, 400, "invalid_request_error"},
		{"POST", chatPath, ``, 400, "invalid_request_error"},
		{"POST", chatPath, `{}`, 400, "'messages'"},
	} {
		t.Run(fmt.Sprint(c.method, c.path, c.body), func(t *testing.T) {
			r := a.send(c.method, c.path, c.body).want(t, c.status, c.word)
			if !json.Valid([]byte(r.body)) {
				t.Errorf("no JSON: %s", r.body)
			}
		})
	}
}

func TestCredential_IsCheckedFirst(t *testing.T) {
	only := func(token string) bool { return token == "minted" }
	for _, c := range []struct {
		name          string
		options       simulator.Options
		header, value string
		status        int
	}{
		{"right key", simulator.Options{Keys: []string{"k0", "k1"}}, "api-key", "k1", 200},
		{"wrong key", simulator.Options{Keys: []string{"k0"}}, "api-key", "k1", 401},
		{"no credential", simulator.Options{}, "api-key", "", 401},
		{"any key", simulator.Options{}, "api-key", "x", 200},
		{"any bearer", simulator.Options{}, "Authorization", "Bearer x", 200},
		{"no bearer", simulator.Options{}, "Authorization", "Basic x", 401},
		{"bearer where only keys count", simulator.Options{Keys: []string{"x"}}, "Authorization", "Bearer x", 401},
		{"right bearer", simulator.Options{Tokens: []string{"x"}}, "Authorization", "Bearer x", 200},
		{"wrong bearer", simulator.Options{Tokens: []string{"x"}}, "Authorization", "Bearer y", 401},
		{"key where only tokens count", simulator.Options{Tokens: []string{"x"}}, "api-key", "x", 401},
		{"minted bearer", simulator.Options{ValidToken: only}, "Authorization", "Bearer minted", 200},
		{"foreign bearer", simulator.Options{ValidToken: only}, "Authorization", "Bearer x", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := overTCP(t, c.options)
			r := a.request("POST", chatPath, question)
			r.Header.Del("api-key")
			r.Header.Set(c.header, c.value)
			response, err := a.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			finish(response).want(t, c.status)
		})
	}
}

func TestCredential_RotatesWhileRunning(t *testing.T) {
	a := overTCP(t, simulator.Options{Keys: []string{"k1"}})
	a.post(chatPath, question).want(t, 200)
	a.SetKeys("k2")
	a.post(chatPath, question).want(t, 401, `"code":"401"`)
	a.post(chatPath, question, "api-key", "k2").want(t, 200)
}

func TestIDs_AreUniqueAcrossCallsAndResources(t *testing.T) {
	seen := map[any]bool{}
	for range 2 {
		a := overTCP(t, simulator.Options{})
		for range 3 {
			r := a.post(chatPath, question).want(t, 200)
			seen[field(t, r.body, "id")] = true
			seen[r.Header.Get("Apim-Request-Id")] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d ids, want 12", len(seen))
	}
}

func TestModelName_IsNeverTakenForAPlace(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	name := `{unique} "{total}"`
	body, _ := json.Marshal(map[string]any{"model": name, "messages": []string{}, "input": "x"})
	for _, path := range []string{"/openai/v1/chat/completions", "/openai/v1/responses", "/openai/v1/embeddings"} {
		r := a.post(path, string(body)).want(t, http.StatusOK)
		wantField(t, r.body, name, "model")
	}
}
