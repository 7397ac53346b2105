package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// resource is something with an id that only the Azure OpenAI resource that
// made it knows: a response, a file, a thread and so on.
type resource struct {
	collection string // "files", "threads/runs"
	id         string
	body       string // its JSON
}

// maxResources bounds what is kept; the oldest go first.
const maxResources = 20_000

// resources are the things made so far. Safe for concurrent use.
type resources struct {
	mu    sync.Mutex
	byID  map[string]resource
	order []string // ids, oldest first; may name what was deleted
}

func (s *resources) put(r resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = make(map[string]resource)
	}
	if len(s.order) == maxResources {
		half := maxResources / 2
		for _, id := range s.order[:half] {
			delete(s.byID, id)
		}
		s.order = slices.Delete(s.order, 0, half)
	}
	s.byID[r.id] = r
	s.order = append(s.order, r.id)
}

func (s *resources) get(collection, id string) (resource, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byID[id]
	return r, ok && r.collection == collection
}

func (s *resources) has(collection, id string) bool {
	_, ok := s.get(collection, id)
	return ok
}

func (s *resources) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// kindOf is how the ids of a collection begin and what its objects call
// themselves.
func kindOf(collection string) (prefix, object string, ok bool) {
	switch collection {
	case "files":
		return "file-", "file", true
	case "batches":
		return "batch_", "batch", true
	case "assistants":
		return "asst_", "assistant", true
	case "threads":
		return "thread_", "thread", true
	case "threads/messages":
		return "msg_", "thread.message", true
	case "threads/runs":
		return "run_", "thread.run", true
	case "vector_stores":
		return "vs_", "vector_store", true
	case "vector_stores/files":
		return "file-", "vector_store.file", true
	case "vector_stores/file_batches":
		return "vsfb_", "vector_store.file_batch", true
	case "fine_tuning/jobs":
		return "ftjob-", "fine_tuning.job", true
	case "responses":
		return "resp_", "response", true
	case "conversations":
		return "conv_", "conversation", true
	case "uploads":
		return "upload_", "upload", true
	case "chat/completions":
		return "chatcmpl-", "chat.completion", true
	}
	return "", "", false
}

// resource serves the paths without a deployment: the collections above, item
// by item down the path, and the models.
func (c *call) resource() error {
	collection, rest := c.route.segments[0], c.route.segments[1:]
	if collection == "models" {
		return c.models(rest)
	}
	if (collection == "fine_tuning" || collection == "chat") && len(rest) > 0 {
		collection, rest = collection+"/"+rest[0], rest[1:]
	}
	if c.r.Method == http.MethodPost && collection == "threads" && slices.Equal(rest, []string{"runs"}) {
		return c.createThreadAndRun()
	}
	for {
		if _, _, ok := kindOf(collection); !ok {
			return c.refuse(http.StatusNotFound, noResourceBody)
		}
		if len(rest) == 0 {
			return c.collection(collection)
		}
		item, ok := c.o.resources.get(collection, rest[0])
		if !ok {
			return c.refuse(http.StatusNotFound, missing(collection, rest[0]))
		}
		if len(rest) == 1 {
			return c.item(item)
		}
		next := collection + "/" + rest[1]
		if _, _, ok := kindOf(next); !ok {
			return c.action(item, rest[1])
		}
		collection, rest = next, rest[2:]
	}
}

func missing(collection, id string) string {
	_, object, _ := kindOf(collection)
	return invalidRequest("No "+object+" found with id '"+id+"'.", "", "")
}

// collection creates an item or lists none: nothing reads a list's items here.
func (c *call) collection(name string) error {
	switch {
	case c.r.Method == http.MethodGet && hasList(name):
		return c.emptyList()
	case c.r.Method != http.MethodPost || name == "responses" || name == "chat/completions":
		return c.refuse(http.StatusNotFound, noResourceBody)
	case c.askErr != nil:
		return c.refuse(http.StatusBadRequest, invalidRequest(badJSONMessage, "", ""))
	}
	if param, id := c.unknown(); param != "" || name == "batches" && c.ask.InputFileID == "" {
		return c.refuse(http.StatusBadRequest, invalidRequest("'"+id+"' does not exist in this resource.", cmp.Or(param, "input_file_id"), "invalid_value"))
	}
	more := ""
	if name == "batches" {
		c.create("files", "")
		more = `,"input_file_id":` + jsonText(c.ask.InputFileID) + `,"output_file_id":"file-` + c.unique + `"`
	}
	return c.plain(http.StatusOK, jsonType, []byte(c.create(name, more)))
}

func hasList(collection string) bool {
	return collection != "responses" && collection != "conversations" && collection != "uploads"
}

// create makes an item and returns its JSON; more is further fields, each with
// a comma before it.
func (c *call) create(collection, more string) string {
	prefix, object, _ := kindOf(collection)
	r := resource{collection: collection, id: prefix + c.unique}
	r.body = fmt.Sprintf(`{"id":%q,"object":%q,"created_at":%d,"status":"completed"%s}`, r.id, object, c.arrived.Unix(), more)
	c.o.resources.put(r)
	return r.body
}

func (c *call) createThreadAndRun() error {
	if param, id := c.unknown(); param != "" {
		return c.refuse(http.StatusBadRequest, invalidRequest("'"+id+"' does not exist in this resource.", param, "invalid_value"))
	}
	c.create("threads", "")
	run := c.create("threads/runs", `,"thread_id":"thread_`+c.unique+`"`)
	return c.plain(http.StatusOK, jsonType, []byte(run))
}

func (c *call) item(r resource) error {
	switch c.r.Method {
	case http.MethodGet, http.MethodPost:
		if r.collection == "uploads" {
			break
		}
		return c.plain(http.StatusOK, jsonType, []byte(r.body))
	case http.MethodDelete:
		c.o.resources.remove(r.id)
		_, object, _ := kindOf(r.collection)
		return c.plain(http.StatusOK, jsonType, fmt.Appendf(nil, `{"id":%q,"object":%q,"deleted":true}`, r.id, object))
	}
	return c.refuse(http.StatusNotFound, noResourceBody)
}

// action is what lies below an item without being a collection of its own:
// cancel, input_items, events, content.
func (c *call) action(r resource, name string) error {
	switch {
	case r.collection == "files" && name == "content":
		return c.fileContent(r)
	case r.collection == "uploads" && name == "complete":
		return c.completeUpload(r)
	case c.r.Method == http.MethodPost:
		return c.plain(http.StatusOK, jsonType, []byte(r.body))
	}
	return c.emptyList()
}

func (c *call) emptyList() error {
	return c.plain(http.StatusOK, jsonType, []byte(`{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}`))
}

const modelObject = `{"id":%s,"object":"model","created_at":%d,"status":"succeeded","lifecycle_status":"generally-available","capabilities":{"chat_completion":true,"completion":true,"embeddings":true,"inference":true,"fine_tune":false}}`

// models lists the models of the deployments, or describes one.
func (c *call) models(rest []string) error {
	if c.r.Method != http.MethodGet || len(rest) > 1 {
		return c.refuse(http.StatusNotFound, noResourceBody)
	}
	var listed []string
	for _, name := range c.o.modelNames() {
		body := fmt.Sprintf(modelObject, jsonText(name), c.arrived.Unix())
		if len(rest) == 1 && rest[0] == name {
			return c.plain(http.StatusOK, jsonType, []byte(body))
		}
		listed = append(listed, body)
	}
	if len(rest) == 1 {
		return c.refuse(http.StatusNotFound, invalidRequest("The model '"+rest[0]+"' does not exist.", "model", "model_not_found"))
	}
	return c.plain(http.StatusOK, jsonType, []byte(`{"object":"list","data":[`+strings.Join(listed, ",")+`]}`))
}

// modelNames are sorted, each once. A resource with any deployment has every
// model; one stands for them.
func (o *OpenAI) modelNames() []string {
	if o.quotas == nil {
		return []string{"gpt-5.1"}
	}
	var names []string
	for _, d := range o.options.Deployments {
		if d.Model == "" {
			d.Model = d.Name
		}
		names = append(names, d.Model)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
