package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// route is what a request's path says.
type route struct {
	found      bool     // the path is one of the service
	v1         bool     // /openai/v1/…: no api-version
	deployment string   // from the path, decoded; "" where the path has none
	segments   []string // decoded, what follows /openai[/v1][/deployments/{d}]
}

// parseRoute reads the escaped path, so that an encoded slash stays inside its
// segment.
func parseRoute(escapedPath string) route {
	rest, ok := strings.CutPrefix(escapedPath, "/openai/")
	if !ok || rest == "" {
		return route{}
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" {
			return route{}
		}
		segments[i] = decoded
	}
	switch segments[0] {
	case "v1":
		return route{found: len(segments) > 1, v1: true, segments: segments[1:]}
	case "deployments":
		if len(segments) < 3 {
			return route{}
		}
		return route{found: true, deployment: segments[1], segments: segments[2:]}
	}
	return route{found: true, segments: segments}
}

// operation is a call that a model answers.
type operation func(*call) error

// modelOperation finds the operation of a route. Responses are never under a
// deployment's path, and without v1 everything else always is.
func (t route) modelOperation(method string) (operation, bool) {
	name := strings.Join(t.segments, "/")
	inPath := t.deployment != ""
	if method != http.MethodPost || !t.v1 && inPath == (name == "responses") {
		return nil, false
	}
	switch name {
	case "chat/completions":
		return (*call).chat, true
	case "completions":
		return (*call).completions, true
	case "embeddings":
		return (*call).embeddings, true
	case "responses":
		return (*call).respond, true
	case "images/generations", "images/edits":
		return (*call).image, true
	case "audio/speech":
		return (*call).speech, true
	case "audio/transcriptions", "audio/translations":
		return (*call).transcription, true
	}
	return nil, false
}
