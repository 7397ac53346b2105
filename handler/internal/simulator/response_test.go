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
	make := func(path, body string) string {
		t.Helper()
		return path + "/" + field(t, here.post(path, body).want(t, 200).body, "id").(string)
	}
	thread := make("/openai/v1/threads", `{}`)
	items := []string{
		thread, make(thread+"/messages", `{}`), make(thread+"/runs", `{}`), make("/openai/v1/files", `{}`),
		make("/openai/v1/assistants", `{}`), make("/openai/v1/fine_tuning/jobs", `{}`), make("/openai/v1/vector_stores", `{}`),
	}
	for _, item := range items {
		here.send("GET", item, "").want(t, 200)
		elsewhere.send("GET", item, "").want(t, 404, "No ")
	}
	_, file, _ := strings.Cut(items[3], "/files/")
	batch := fmt.Sprintf(`{"input_file_id":%q}`, file)
	here.send("GET", make("/openai/v1/batches", batch), "").want(t, 200)
	elsewhere.post("/openai/v1/batches", batch).want(t, 400, "input_file_id")
	here.send("GET", "/openai/v1/assistants/"+file, "").want(t, 404)
	here.send("GET", "/openai/v1/files", "").want(t, 200, `"list"`)
	here.send("GET", "/openai/v1/realtime", "").want(t, 404)
	here.send("PATCH", thread, "").want(t, 404)
	run := here.post("/openai/v1/threads/runs", `{}`).want(t, 200).body
	here.send("GET", fmt.Sprintf("/openai/v1/threads/%s/runs/%s", field(t, run, "thread_id"), field(t, run, "id")), "").want(t, 200)
}

func TestOtherOperations_Answer(t *testing.T) {
	a := overTCP(t, simulator.Options{})
	for operation, word := range map[string]string{"images/generations": "b64_json", "audio/speech": "ID3", "audio/translations": "simulator answers"} {
		a.send(http.MethodPost, "/openai/deployments/d/"+operation+"?api-version=x", `{"prompt":"x"}`).want(t, 200, word)
	}
}
