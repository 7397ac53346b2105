package openai

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sdkPatience is the longest wait that the official SDKs honour; openai-node ignores a longer one and falls back to
// fractions of a second (facts: openai-python 120 s, openai-node 60 s, openai-go clamps).
const sdkPatience = time.Minute

// Error is an answer of our own in the OpenAI error envelope. The exported fields are its public face; Cause is for
// the log alone.
type Error struct {
	Status  int
	Code    string
	Type    string // as OpenAI names kinds of errors, such as "invalid_request_error"
	Message string
	Param   string        // the parameter at fault, where one is
	Wait    time.Duration // advertised in retry-after-ms and Retry-After where positive
	NoRetry bool          // tells SDKs not to send the request again
	Close   bool          // the connection cannot be used further: the request was not read to its end
	Cause   error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Cause.Error()
	}
	return e.Code
}

func (e *Error) Unwrap() error { return e.Cause }

type envelope struct {
	Error envelopeError `json:"error"`
}

type envelopeError struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
}

// Write sends the answer. It is the one place where our own errors become HTTP.
func (e *Error) Write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if e.Wait > 0 {
		SetWait(h, e.Wait)
	}
	if e.NoRetry || e.Wait > sdkPatience {
		h.Set("X-Should-Retry", "false")
	}
	if e.Close {
		h.Set("Connection", "close")
	}
	fields := envelopeError{Code: e.Code, Message: e.Message, Type: e.Type}
	if e.Param != "" {
		fields.Param = &e.Param
	}
	body, _ := json.Marshal(envelope{fields})
	body = append(body, '\n')
	// The answer is whole with its last byte, not only when the handler has returned: it may go on to read the request.
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body)
}

// SetWait advertises a wait in both headers that the SDKs read; neither is ever shorter than the wait.
func SetWait(h http.Header, wait time.Duration) {
	h.Set("Retry-After-Ms", strconv.FormatInt(int64(math.Ceil(float64(wait)/float64(time.Millisecond))), 10))
	h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10))
}

// quote writes a string as JSON.
func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// CodeForeignContent is the error.code for a reasoning item that another resource has encrypted.
const CodeForeignContent = "invalid_encrypted_content"

// ErrorCode reads error.code of an answer in Azure's or OpenAI's error envelope; empty where there is none.
func ErrorCode(body []byte) string {
	var e struct {
		Error struct {
			Code    any    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	code, _ := e.Error.Code.(string)
	// Azure's API version 2025-03-01-preview leaves this one's code empty
	// (https://github.com/openai/openai-agents-python/issues/2063).
	if code == "" && strings.HasPrefix(e.Error.Message, "The encrypted content") && strings.Contains(e.Error.Message, "could not be") {
		return CodeForeignContent
	}
	return code
}
