package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/simulator"
)

const responsesPath = "/openai/responses?api-version=2025-03-01-preview"

func TestResponses_StreamHasTheRealEvents(t *testing.T) {
	a := overTCP(t, simulator.Options{Words: 2})
	for _, path := range []string{responsesPath, "/openai/v1/responses"} {
		r := a.post(path, `{"model":"gpt-5.1","input":"how far is it","stream":true}`).want(t, 200)
		wants := []string{"created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
			"output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed"}
		got := events(r.body)
		if len(got) != len(wants) {
			t.Fatalf("%d events, want %d", len(got), len(wants))
		}
		for i, want := range wants {
			name, data, _ := strings.Cut(strings.TrimPrefix(got[i], "event: "), "\ndata: ")
			if name != "response."+want {
				t.Errorf("event %d is %s, want %s", i, name, want)
			}
			wantField(t, data, name, "type")
			wantField(t, data, float64(i), "sequence_number")
			if i == len(wants)-1 {
				wantField(t, data, "simulator answers", "response", "output", 0, "content", 0, "text")
				wantField(t, data, 6.0, "response", "usage", "total_tokens")
			}
		}
	}
}

func TestResponses_LimitedAnswerIsIncomplete(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	r := a.post(responsesPath, `{"model":"gpt-5.1","input":"x","max_output_tokens":2}`).want(t, 200)
	wantField(t, r.body, "incomplete", "status")
	wantField(t, r.body, "max_output_tokens", "incomplete_details", "reason")
}

func TestResponses_LiveOnlyWhereTheyWereMade(t *testing.T) {
	here, elsewhere := overTCP(t, simulator.Options{Name: "here"}), overTCP(t, simulator.Options{Name: "elsewhere"})
	r := here.post(responsesPath, `{"model":"gpt-5.1","input":"x"}`).want(t, 200)
	id := field(t, r.body, "id").(string)
	next := fmt.Sprintf(`{"model":"gpt-5.1","input":"x","previous_response_id":%q}`, id)
	again := here.post(responsesPath, next).want(t, 200)
	wantField(t, again.body, id, "previous_response_id")
	elsewhere.post(responsesPath, next).want(t, 400, "previous_response_not_found")

	item := "/openai/v1/responses/" + id
	if got := here.send("GET", item, "").want(t, 200); got.body != r.body {
		t.Errorf("got %s, made %s", got.body, r.body)
	}
	elsewhere.send("GET", item, "").want(t, 404, id)
	here.send("GET", item+"/input_items", "").want(t, 200, `"list"`)
	here.send("POST", item+"/cancel", "").want(t, 200, id)
	here.send("DELETE", item, "").want(t, 200, `"deleted":true`)
	here.send("GET", item, "").want(t, 404)
}

func TestResponses_UnstoredOnesAreForgotten(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	r := a.post(responsesPath, `{"model":"gpt-5.1","input":"x","store":false}`).want(t, 200)
	wantField(t, r.body, false, "store")
	a.send("GET", "/openai/v1/responses/"+field(t, r.body, "id").(string), "").want(t, 404)
}

func TestResources_AreFoundByTheirIDs(t *testing.T) {
	here, elsewhere := overTCP(t, simulator.Options{}), overTCP(t, simulator.Options{})
	made := func(path, body string) string {
		t.Helper()
		return path + "/" + field(t, here.post(path, body).want(t, 200).body, "id").(string)
	}
	thread := made("/openai/v1/threads", `{}`)
	items := []string{
		thread, made(thread+"/messages", `{}`), made(thread+"/runs", `{}`), made("/openai/v1/files", `{}`),
		made("/openai/v1/assistants", `{}`), made("/openai/v1/fine_tuning/jobs", `{}`), made("/openai/v1/vector_stores", `{}`),
	}
	for _, item := range items {
		here.send("GET", item, "").want(t, 200)
		elsewhere.send("GET", item, "").want(t, 404, "No ")
	}
	_, file, _ := strings.Cut(items[3], "/files/")
	batch := fmt.Sprintf(`{"input_file_id":%q}`, file)
	here.send("GET", made("/openai/v1/batches", batch), "").want(t, 200)
	elsewhere.post("/openai/v1/batches", batch).want(t, 400, "input_file_id")
	here.send("GET", "/openai/v1/assistants/"+file, "").want(t, 404)
	here.send("GET", "/openai/v1/files", "").want(t, 200, `"list"`)
	here.send("GET", "/openai/v1/realtime", "").want(t, 404)
	here.send("PATCH", thread, "").want(t, 404)
	run := here.post("/openai/v1/threads/runs", `{}`).want(t, 200).body
	here.send("GET", fmt.Sprintf("/openai/v1/threads/%s/runs/%s", field(t, run, "thread_id"), field(t, run, "id")), "").want(t, 200)
}

const sealedQuestion = `{"model":"gpt-5.1","store":false,"include":["reasoning.encrypted_content"],"input":"x"}`

func TestResponses_EncryptedReasoningIsReadOnlyWhereItWasMade(t *testing.T) {
	here, elsewhere := overTCP(t, simulator.Options{}), overTCP(t, simulator.Options{})
	first := here.post(responsesPath, sealedQuestion).want(t, 200, `"type":"reasoning"`).body
	item := field(t, first, "output", 0).(map[string]any)
	next := fmt.Sprintf(`{"model":"gpt-5.1","input":[{"type":"reasoning","id":%q,"summary":[],"encrypted_content":%q},{"role":"user","content":"y"}]}`,
		item["id"], item["encrypted_content"])
	here.post(responsesPath, next).want(t, 200)
	elsewhere.post(responsesPath, next).want(t, 400, "invalid_encrypted_content")
	streamed := here.post(responsesPath, strings.Replace(sealedQuestion, `{`, `{"stream":true,`, 1)).want(t, 200)
	if !strings.Contains(streamed.body, `"item":{"id":"rs_`) || !strings.Contains(streamed.body, `"output_index":1,"item":{"id":"msg_`) {
		t.Errorf("the stream is %s", streamed.body)
	}
}

func TestResponses_ReferencesAndConversationsAreKnownOnlyWhereTheyWereMade(t *testing.T) {
	here, elsewhere := overTCP(t, simulator.Options{}), overTCP(t, simulator.Options{})
	first := here.post(responsesPath, `{"model":"gpt-5.1","input":"x"}`).want(t, 200).body
	talk := here.post("/openai/v1/conversations", `{}`).want(t, 200).body
	for _, next := range []string{
		fmt.Sprintf(`{"model":"gpt-5.1","input":[{"type":"item_reference","id":%q}]}`, field(t, first, "output", 0, "id")),
		fmt.Sprintf(`{"model":"gpt-5.1","input":"y","conversation":%q}`, field(t, talk, "id")),
		fmt.Sprintf(`{"model":"gpt-5.1","input":"y","conversation":{"id":%q}}`, field(t, talk, "id")),
	} {
		here.post(responsesPath, next).want(t, 200)
		if r := elsewhere.post(responsesPath, next); r.StatusCode != 400 && r.StatusCode != 404 {
			t.Errorf("%s was answered %d", next, r.StatusCode)
		}
	}
}

func TestResources_BatchesUploadsAndStoredCompletions(t *testing.T) {
	a := overTCP(t, simulator.Options{Name: "westeurope"})
	file := field(t, a.post("/openai/v1/files", `{}`).want(t, 200).body, "id")
	batch := a.post("/openai/v1/batches", fmt.Sprintf(`{"input_file_id":%q}`, file)).want(t, 200).body
	output := fmt.Sprint("/openai/v1/files/", field(t, batch, "output_file_id"), "/content")
	a.send("GET", output, "").want(t, 200, `"content":"westeurope"`)

	upload := fmt.Sprint("/openai/v1/uploads/", field(t, a.post("/openai/v1/uploads", `{}`).want(t, 200).body, "id"))
	a.post(upload+"/parts", `{}`).want(t, 200)
	whole := a.post(upload+"/complete", `{}`).want(t, 200).body
	a.send("GET", fmt.Sprint("/openai/v1/files/", field(t, whole, "file", "id")), "").want(t, 200)
	a.send("GET", upload, "").want(t, 404)

	stored := a.post("/openai/v1/chat/completions", `{"model":"m","store":true,"messages":[]}`).want(t, 200).body
	a.send("GET", fmt.Sprint("/openai/v1/chat/completions/", field(t, stored, "id")), "").want(t, 200, "chat.completion")
	a.send("GET", "/openai/v1/chat/completions", "").want(t, 200, `"list"`)
}

func TestOtherOperations_Answer(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	for operation, word := range map[string]string{"images/generations": "b64_json", "audio/speech": "ID3", "audio/translations": "simulator answers"} {
		a.send(http.MethodPost, "/openai/deployments/d/"+operation+"?api-version=x", `{"prompt":"x"}`).want(t, 200, word)
	}
}
