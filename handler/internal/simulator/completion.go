package simulator

import (
	"net/http"
	"strings"
)

// The wire form of completions, as the 2024-10-21 data plane and Azure's
// streams have it: a first chunk without choices that reports on the prompt,
// then the role, the content, the end, the usage if asked for, and [DONE].
const (
	safeResults   = `{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`
	promptResults = `"prompt_filter_results":[{"prompt_index":0,"content_filter_results":` + safeResults + `}]`
	usageReport   = `"usage":{"completion_tokens":{output},"prompt_tokens":{input},"total_tokens":{total}}`
	doneEvent     = "data: [DONE]\n\n"

	chatPlain = `{"choices":[{"content_filter_results":` + safeResults + `,"finish_reason":{finish},"index":0,"logprobs":null,"message":{"annotations":[],"content":{text},"refusal":null,"role":"assistant"}}],"created":{created},"id":"chatcmpl-{unique}","model":{model},"object":"chat.completion",` + promptResults + `,"system_fingerprint":"fp_simulator",` + usageReport + `}`
	chatHead  = `"created":{created},"id":"chatcmpl-{unique}","model":{model},"object":"chat.completion.chunk","system_fingerprint":"fp_simulator"`
	chatRole  = `{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],` + chatHead + `{nousage}}`
	chatWord  = `{"choices":[{"content_filter_results":` + safeResults + `,"delta":{"content":{text}},"finish_reason":null,"index":0,"logprobs":null}],` + chatHead + `{nousage}}`
	chatEnd   = `{"choices":[{"content_filter_results":{},"delta":{},"finish_reason":{finish},"index":0,"logprobs":null}],` + chatHead + `{nousage}}`
	chatUsage = `{"choices":[],` + chatHead + `,` + usageReport + `}`

	textPlain = `{"choices":[{"content_filter_results":` + safeResults + `,"finish_reason":{finish},"index":0,"logprobs":null,"text":{text}}],"created":{created},"id":"cmpl-{unique}","model":{model},"object":"text_completion",` + promptResults + `,` + usageReport + `}`
	textHead  = `"created":{created},"id":"cmpl-{unique}","model":{model},"object":"text_completion"`
	textWord  = `{"choices":[{"content_filter_results":` + safeResults + `,"finish_reason":null,"index":0,"logprobs":null,"text":{text}}],` + textHead + `{nousage}}`
	textEnd   = `{"choices":[{"content_filter_results":{},"finish_reason":{finish},"index":0,"logprobs":null,"text":""}],` + textHead + `{nousage}}`
	textUsage = `{"choices":[],` + textHead + `,` + usageReport + `}`

	promptChunk = `{"choices":[],"created":0,"id":"","model":"","object":"",` + promptResults + `{nousage}}`
)

func (c *call) chat() error {
	if len(c.ask.Messages) == 0 {
		return c.refuse(http.StatusBadRequest, invalidRequest("Missing required parameter: 'messages'.", "messages", "missing_required_parameter"))
	}
	return c.complete("chat", c.o.chatShape)
}

func (c *call) completions() error { return c.complete("text", c.o.textShape) }

func (c *call) complete(operation string, build func(shapeKey) *shape) error {
	key := c.shapeKey(operation)
	v := c.values(key.words)
	s := c.o.shapes.get(key, build)
	if c.ask.Store != nil && *c.ask.Store {
		c.o.resources.put(resource{collection: "chat/completions", id: "chatcmpl-" + v.unique, body: string(s.plain.appendTo(nil, &v))})
	}
	return c.send(s, &v)
}

// send answers with a shape, as events or in one piece as the caller asked.
func (c *call) send(s *shape, v *values) error {
	if !c.ask.Stream {
		c.out = s.plain.appendTo(c.out[:0], v)
		return c.plain(http.StatusOK, jsonType, c.out)
	}
	return c.stream(len(s.events), func(dst []byte, i int) []byte {
		return s.events[i].appendTo(dst, v)
	})
}

func (o *OpenAI) chatShape(k shapeKey) *shape {
	tokens := sentence(o.options.Name, k.words)
	f := fixed(k, strings.Join(tokens, ""))
	s := &shape{plain: newTemplate(chatPlain, f...)}
	s.data(promptChunk, f)
	s.data(chatRole, f)
	for _, token := range tokens {
		s.data(chatWord, fixed(k, token))
	}
	s.data(chatEnd, f)
	return s.finish(k, chatUsage, f)
}

func (o *OpenAI) textShape(k shapeKey) *shape {
	tokens := sentence(o.options.Name, k.words)
	f := fixed(k, strings.Join(tokens, ""))
	s := &shape{plain: newTemplate(textPlain, f...)}
	s.data(promptChunk, f)
	for _, token := range tokens {
		s.data(textWord, fixed(k, token))
	}
	s.data(textEnd, f)
	return s.finish(k, textUsage, f)
}

func (s *shape) data(text string, fixed []pair) {
	s.events = append(s.events, newTemplate("data: "+text+"\n\n", fixed...))
}

func (s *shape) finish(k shapeKey, usage string, fixed []pair) *shape {
	if k.usage {
		s.data(usage, fixed)
	}
	s.events = append(s.events, newTemplate(doneEvent))
	return s
}

// fixed are the places that depend on the shape alone.
func fixed(k shapeKey, text string) []pair {
	finish, noUsage := "stop", ""
	if k.cut {
		finish = "length"
	}
	if k.usage {
		noUsage = `,"usage":null`
	}
	return []pair{
		{"{model}", jsonText(k.model)}, {"{text}", jsonText(text)}, {"{finish}", jsonText(finish)}, {"{nousage}", noUsage},
	}
}

// sentence is an answer of n tokens. It begins with the resource's name, so
// that a reader sees who answered.
func sentence(name string, n int) []string {
	words := strings.Fields("answers in words that never change so that every reader can count them and tell one answer from another")
	tokens := make([]string, n)
	tokens[0] = name
	for i := 1; i < n; i++ {
		tokens[i] = " " + words[(i-1)%len(words)]
	}
	return tokens
}
