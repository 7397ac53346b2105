package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"sync"
)

// ask is what a request's body asks for, of all operations together.
type ask struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Messages            json.RawMessage `json:"messages"`
	Prompt              json.RawMessage `json:"prompt"`
	Input               json.RawMessage `json:"input"`
	MaxTokens           int             `json:"max_tokens"`
	MaxCompletionTokens int             `json:"max_completion_tokens"`
	MaxOutputTokens     int             `json:"max_output_tokens"`
	Dimensions          int             `json:"dimensions"`
	EncodingFormat      string          `json:"encoding_format"`
	Include             []string        `json:"include"`
	Store               *bool           `json:"store"`
	references

	words int // of the prompt, one token each, so that tests can count along
}

// parseAsk reads a body as its content type says. Of a multipart form only the
// model counts.
func parseAsk(contentType string, body []byte) (ask, error) {
	if kind, params, err := mime.ParseMediaType(contentType); err == nil && kind == "multipart/form-data" {
		model, err := formModel(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
		return ask{Model: model}, err
	}
	var a ask
	err := json.Unmarshal(body, &a)
	a.words = countWords(a.Messages, 0) + countWords(a.Prompt, 0) + countWords(a.Input, 0)
	return a, err
}

const (
	maxKeptAsks = 64
	maxKeptAsk  = 4 << 10
)

// asks keeps what short JSON bodies ask for: load tests send the same body
// again and again. Safe for concurrent use; what it returns is not to be
// changed.
type asks struct {
	mu     sync.RWMutex
	byBody map[string]ask
}

func (s *asks) parse(contentType string, body []byte) (ask, error) {
	if contentType != jsonType || len(body) > maxKeptAsk {
		return parseAsk(contentType, body)
	}
	s.mu.RLock()
	a, ok := s.byBody[string(body)]
	s.mu.RUnlock()
	if ok {
		return a, nil
	}
	a, err := parseAsk(contentType, body)
	if err != nil {
		return a, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byBody == nil || len(s.byBody) >= maxKeptAsks {
		s.byBody = make(map[string]ask)
	}
	s.byBody[string(body)] = a
	return a, nil
}

func formModel(form *multipart.Reader) (string, error) {
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		if part.FormName() == "model" {
			model, err := io.ReadAll(io.LimitReader(part, 1024))
			return string(model), err
		}
	}
}

// longest is the greatest number of tokens that the caller allows, 0 for any.
func (a *ask) longest() int {
	for _, n := range []int{a.MaxCompletionTokens, a.MaxTokens, a.MaxOutputTokens} {
		if n > 0 {
			return n
		}
	}
	return 0
}

// maxNesting ends the count in nests that no prompt has; each level is parsed
// again, so an endless one would be slow.
const maxNesting = 6

// countWords counts the words in the text of a prompt: strings, lists, message
// objects with content, parts with text. A number is a token.
func countWords(raw json.RawMessage, depth int) int {
	if len(raw) == 0 || depth > maxNesting {
		return 0
	}
	switch first := raw[0]; {
	case first == '"':
		return wordsInString(raw[1 : len(raw)-1])
	case first == '[':
		return countList(raw, depth)
	case first == '{':
		var part struct{ Content, Text json.RawMessage }
		if json.Unmarshal(raw, &part) != nil {
			return 0
		}
		return countWords(part.Content, depth+1) + countWords(part.Text, depth+1)
	case first == '-' || first >= '0' && first <= '9':
		return 1
	}
	return 0
}

func countList(raw json.RawMessage, depth int) int {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return 0
	}
	total := 0
	for _, item := range items {
		total += countWords(item, depth+1)
	}
	return total
}

// wordsInString counts in the inside of a JSON string, still escaped: a word is
// what stands between blanks, and \n, \r and \t are blanks.
func wordsInString(s []byte) int {
	words, inWord := 0, false
	for i := 0; i < len(s); i++ {
		blank := s[i] == ' '
		if s[i] == '\\' && i+1 < len(s) {
			i++
			blank = s[i] == 'n' || s[i] == 'r' || s[i] == 't'
		}
		if !blank && !inWord {
			words++
		}
		inWord = !blank
	}
	return words
}
