// Package openai speaks the Azure OpenAI wire dialect: paths, error envelopes and rate-limit headers.
package openai

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AnyDeployment stands for calls that name no deployment, such as /openai/files.
const AnyDeployment = "*"

const pathShape = "/openai/deployments/{deployment}/chat/completions?api-version=…"

// Target is what a request's path says: which deployment, and what is asked of it.
type Target struct {
	Deployment string // decoded; AnyDeployment where the path names none
	Operation  string // what follows the deployment, as in "chat/completions"
	InBody     bool   // an inference call of /openai/v1: the body's model names the deployment
	path       string // escaped, as the caller wrote it
	from, to   int    // the deployment segment in path; empty where there is none
}

// ParseTarget reads an escaped path that begins with /openai/. Its error has a public face for the caller.
func ParseTarget(escaped string) (Target, error) {
	rest, ok := strings.CutPrefix(escaped, "/openai/")
	switch {
	case !ok || rest == "" || hasDots(rest):
		return Target{}, NotFound()
	case isRealtime(rest):
		return Target{}, realtime()
	case rest == "deployments" || strings.HasPrefix(rest, "deployments/"):
		return deploymentTarget(escaped)
	case slices.Contains(inferenceOperations(), rest):
		return Target{}, missingDeployment()
	}
	t := Target{Deployment: AnyDeployment, Operation: rest, path: escaped}
	if operation, ok := strings.CutPrefix(rest, "v1/"); ok {
		t.Operation, t.InBody = operation, slices.Contains(inferenceOperations(), operation) || operation == "responses"
	}
	t.InBody = t.InBody || rest == "responses"
	return t, nil
}

// Named is the target once its body has named the deployment.
func (t Target) Named(deployment string) Target {
	t.Deployment = deployment
	return t
}

// hasDots: a segment, decoded or not, that a server may take for a way out of /openai.
func hasDots(rest string) bool {
	if decoded, err := url.PathUnescape(rest); err == nil {
		rest = decoded
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// inferenceOperations are the operations that always concern one deployment
// (https://learn.microsoft.com/azure/ai-services/openai/reference).
func inferenceOperations() []string {
	return []string{
		"chat/completions", "completions", "embeddings", "images/generations", "images/edits",
		"audio/speech", "audio/transcriptions", "audio/translations",
	}
}

// IsInference reports whether what is asked for is a model's work.
func (t Target) IsInference() bool {
	switch t.Operation {
	case "responses", "responses/compact":
		return true
	}
	return slices.Contains(inferenceOperations(), t.Operation)
}

func isRealtime(rest string) bool {
	rest = strings.TrimPrefix(rest, "v1/")
	return rest == "realtime" || strings.HasPrefix(rest, "realtime/")
}

func deploymentTarget(escaped string) (Target, error) {
	const prefix = "/openai/deployments/"
	rest, _ := strings.CutPrefix(escaped, prefix)
	segment, operation, _ := strings.Cut(rest, "/")
	name, err := url.PathUnescape(segment)
	if segment == "" || len(escaped) < len(prefix) || len(name) > maxScannedText || err != nil {
		return Target{}, missingDeployment()
	}
	return Target{Deployment: name, Operation: operation, path: escaped, from: len(prefix), to: len(prefix) + len(segment)}, nil
}

// Path is the escaped path for a backend that calls the deployment by this name. Nothing but the deployment segment
// ever differs from the caller's path.
func (t Target) Path(deployment string) string {
	if t.from == t.to || deployment == t.Deployment {
		return t.path
	}
	return t.path[:t.from] + url.PathEscape(deployment) + t.path[t.to:]
}

func realtime() error {
	return &Error{
		Status: http.StatusNotImplemented, Code: "realtime_not_supported", Type: "invalid_request_error",
		Message: "The realtime API needs a WebSocket, which does not pass the Azure Functions host. Connect to one Azure OpenAI resource directly for realtime calls.",
	}
}

func missingDeployment() error {
	return &Error{
		Status: http.StatusBadRequest, Code: "deployment_missing", Type: "invalid_request_error",
		Message: "The path names no deployment. It looks like this: " + pathShape,
	}
}

// NotFound is the answer to a path that is not served here.
func NotFound() *Error {
	return &Error{
		Status: http.StatusNotFound, Code: "not_found", Type: "invalid_request_error",
		Message: "Nothing is served at this path. Calls look like this: " + pathShape,
	}
}
