package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

// The wire form of the Responses API and of its events, each named twice: in
// the event line and in the data's type.
const (
	responseBody  = `{"id":"resp_{unique}","object":"response","created_at":{created},"status":{status},"background":false,"error":null,"incomplete_details":{incomplete},"instructions":null,"max_output_tokens":null,"model":{model},"output":{items},"parallel_tool_calls":true,"previous_response_id":{previous},"reasoning":{"effort":null,"summary":null},"store":{store},"temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","usage":{usage},"user":null,"metadata":{}}`
	responseUsage = `{"input_tokens":{input},"input_tokens_details":{"cached_tokens":0},"output_tokens":{output},"output_tokens_details":{"reasoning_tokens":0},"total_tokens":{total}}`
	reasoningItem = `{"id":"rs_{unique}","type":"reasoning","summary":[],"encrypted_content":"{seal}{unique}"}`
	messageItem   = `{"id":"msg_{unique}","type":"message","status":{status},"content":{parts},"role":"assistant"}`
	textPart      = `{"type":"output_text","annotations":[],"logprobs":[],"text":{text}}`
	itemPlace     = `"item_id":"msg_{unique}","output_index":{index},"content_index":0`
)

// respond creates a response. One that follows another must find it in this
// resource, as only the resource that made it knows it.
func (c *call) respond() error {
	if len(c.ask.Input) == 0 && c.ask.PreviousResponseID == "" {
		return c.refuse(http.StatusBadRequest, invalidRequest("Missing required parameter: 'input'.", "input", "missing_required_parameter"))
	}
	previous := c.ask.PreviousResponseID
	if body := c.unreadable(); body != "" {
		return c.refuse(http.StatusBadRequest, body)
	}
	if param, id := c.unknown(); param != "" && param != "previous_response_id" {
		return c.refuse(http.StatusNotFound, invalidRequest("'"+id+"' not found.", param, "not_found"))
	}
	if previous != "" && !c.o.resources.has("responses", previous) {
		return c.refuse(http.StatusBadRequest, invalidRequest("Previous response with id '"+previous+"' not found.", "previous_response_id", "previous_response_not_found"))
	}
	key := c.shapeKey("response")
	key.usage = false // a response's stream always reports it
	key.reasoning = c.ask.wantsReasoning()
	v := c.values(key.words)
	v.previous, v.store = jsonText(orNull(previous)), c.ask.Store == nil || *c.ask.Store
	s := c.o.shapes.get(key, c.o.responseShape)
	if v.store {
		c.o.resources.put(resource{collection: "responses", id: "resp_" + v.unique, body: string(s.plain.appendTo(nil, &v))})
	}
	return c.send(s, &v)
}

func (o *OpenAI) responseShape(k shapeKey) *shape {
	tokens := sentence(o.options.Name, k.words)
	f := o.fixedInResponse(k, strings.Join(tokens, ""))
	begun, ended := responseText("in_progress"), strings.Replace(responseText(endStatus(k), textPart), "{reasoning}", k.reasoningText(), 1)
	s := &shape{plain: newTemplate(ended, f...)}
	s.event("response.created", `"response":`+begun, f)
	s.event("response.in_progress", `"response":`+begun, f)
	if k.reasoning {
		s.event("response.output_item.added", `"output_index":0,"item":`+reasoningItem, f)
		s.event("response.output_item.done", `"output_index":0,"item":`+reasoningItem, f)
	}
	s.event("response.output_item.added", `"output_index":{index},"item":`+itemText("in_progress"), f)
	s.event("response.content_part.added", itemPlace+`,"part":`+textPart, o.fixedInResponse(k, ""))
	for _, token := range tokens {
		s.event("response.output_text.delta", itemPlace+`,"delta":{text},"logprobs":[]`, o.fixedInResponse(k, token))
	}
	s.event("response.output_text.done", itemPlace+`,"text":{text},"logprobs":[]`, f)
	s.event("response.content_part.done", itemPlace+`,"part":`+textPart, f)
	s.event("response.output_item.done", `"output_index":{index},"item":`+itemText(endStatus(k), textPart), f)
	s.event("response."+endStatus(k), `"response":`+ended, f)
	return s
}

// fixedInResponse is fixed for a response, whose message may follow reasoning.
func (o *OpenAI) fixedInResponse(k shapeKey, text string) []pair {
	index := "0"
	if k.reasoning {
		index = "1"
	}
	return append(fixed(k, text), pair{"{index}", index}, pair{"{seal}", o.seal()})
}

// reasoningText is what comes before the message.
func (k shapeKey) reasoningText() string {
	if k.reasoning {
		return reasoningItem + ","
	}
	return ""
}

func (s *shape) event(name, fields string, fixed []pair) {
	text := fmt.Sprintf("event: %s\ndata: {\"type\":%q,\"sequence_number\":%d,%s}\n\n", name, name, len(s.events), fields)
	s.events = append(s.events, newTemplate(text, fixed...))
}

func endStatus(k shapeKey) string {
	if k.cut {
		return "incomplete"
	}
	return "completed"
}

// responseText is a response before its output, or with it.
func responseText(status string, parts ...string) string {
	items, usage, incomplete := "[]", "null", "null"
	if len(parts) > 0 {
		items, usage = "[{reasoning}"+itemText(status, parts...)+"]", responseUsage
	}
	if status == "incomplete" {
		incomplete = `{"reason":"max_output_tokens"}`
	}
	return strings.NewReplacer("{status}", jsonText(status), "{items}", items,
		"{usage}", usage, "{incomplete}", incomplete).Replace(responseBody)
}

func itemText(status string, parts ...string) string {
	return strings.NewReplacer("{status}", jsonText(status), "{parts}", "["+strings.Join(parts, ",")+"]").Replace(messageItem)
}

// image, speech and transcription answer with the least that a client accepts.
func (c *call) image() error {
	return c.plain(http.StatusOK, jsonType, fmt.Appendf(nil, `{"created":%d,"data":[{"b64_json":"iVBORw0KGgo="}]}`, c.arrived.Unix()))
}

func (c *call) speech() error {
	return c.plain(http.StatusOK, "audio/mpeg", []byte("ID3\x04\x00\x00\x00\x00\x00\x00"))
}

func (c *call) transcription() error {
	text := jsonText(strings.Join(sentence(c.o.options.Name, c.o.options.Words), ""))
	return c.plain(http.StatusOK, jsonType, []byte(`{"text":`+text+`}`))
}
