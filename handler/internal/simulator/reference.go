package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// references are what a body may name that only the resource which made it
// knows.
type references struct {
	InputFileID        string          `json:"input_file_id"`
	TrainingFile       string          `json:"training_file"`
	FileIDs            []string        `json:"file_ids"`
	AssistantID        string          `json:"assistant_id"`
	PreviousResponseID string          `json:"previous_response_id"`
	Conversation       json.RawMessage `json:"conversation"` // an id, or an object with one
}

// conversationID is "" where the body names none.
func (r references) conversationID() string {
	var object struct{ ID string }
	if json.Unmarshal(r.Conversation, &object.ID) != nil {
		_ = json.Unmarshal(r.Conversation, &object)
	}
	return object.ID
}

// unknown is the first member of the body that names something which is not
// here, and what it names; "" where all is here.
func (c *call) unknown() (param, id string) {
	r := c.ask.references
	named := []struct{ param, collection, id string }{
		{"input_file_id", "files", r.InputFileID}, {"training_file", "files", r.TrainingFile},
		{"assistant_id", "assistants", r.AssistantID}, {"previous_response_id", "responses", r.PreviousResponseID},
		{"conversation", "conversations", r.conversationID()},
	}
	for _, n := range named {
		if n.id != "" && !c.o.resources.has(n.collection, n.id) {
			return n.param, n.id
		}
	}
	for _, id := range r.FileIDs {
		if !c.o.resources.has("files", id) {
			return "file_ids", id
		}
	}
	return "", ""
}

// sealed is how the encrypted content of every resource begins; its own name
// follows, so that it knows its own again.
const sealed = "gAAAA"

// seal is what only this resource can read.
func (o *OpenAI) seal() string { return sealed + o.names.start }

// unreadable is the error for the first item of a Responses input that only
// another resource can read, or knows; "" where there is none.
func (c *call) unreadable() string {
	var items []struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Encrypted string `json:"encrypted_content"`
	}
	if json.Unmarshal(c.ask.Input, &items) != nil {
		return "" // a plain text
	}
	for _, item := range items {
		_, made, _ := strings.Cut(item.ID, "_")
		switch {
		case item.Encrypted != "" && !strings.HasPrefix(item.Encrypted, c.o.seal()):
			return invalidRequest("The encrypted content for item "+item.ID+" could not be verified.", "", "invalid_encrypted_content")
		case item.Type == "item_reference" && !c.o.resources.has("responses", "resp_"+made):
			return invalidRequest("Item with id '"+item.ID+"' not found.", "input", "")
		}
	}
	return ""
}

// wantsReasoning says that the caller keeps the conversation by itself.
func (a *ask) wantsReasoning() bool { return slices.Contains(a.Include, "reasoning.encrypted_content") }

// completeUpload answers with the file that an upload has become.
func (c *call) completeUpload(r resource) error {
	file := c.create("files", `,"filename":"parts.jsonl"`)
	body := strings.TrimSuffix(r.body, "}") + `,"file":` + file + "}"
	return c.plain(http.StatusOK, jsonType, []byte(body))
}

// fileContent is, of whatever file, a batch's output that says who made it.
func (c *call) fileContent(r resource) error {
	line := `{"custom_id":` + jsonText(r.id) + `,"response":{"status_code":200,"body":{"id":"chatcmpl-` + c.unique +
		`","choices":[{"message":{"role":"assistant","content":` + jsonText(c.o.options.Name) + `}}]}}}` + "\n"
	return c.plain(http.StatusOK, "application/octet-stream", []byte(line))
}
