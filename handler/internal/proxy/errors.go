package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"aoai-balancer/handler/internal/openai"
)

// Causes of an attempt's end that are not the backend's answer.
var (
	errNext           = errors.New("the next backend is to be tried")
	errCallerLeft     = errors.New("the caller left")
	errAttemptTimeout = errors.New("no headers within the attempt's time")
	errRequestTimeout = errors.New("no answer within the request's time")
)

func unknownBackend() error {
	return &openai.Error{
		Status: http.StatusBadRequest, Code: "unknown_backend", Type: "invalid_request_error",
		Message: "The header x-aoai-backend names a backend that is not configured.",
	}
}

func noBackend(deployment string) error {
	return &openai.Error{
		Status: http.StatusNotFound, Code: "DeploymentNotFound", Type: "invalid_request_error",
		Message: fmt.Sprintf("No backend is configured for the deployment %q.", deployment),
	}
}

func tooLarge() error {
	return &openai.Error{
		Status: http.StatusRequestEntityTooLarge, Code: "request_too_large", Type: "invalid_request_error", Close: true,
		Message: "The request's body is larger than this gateway accepts.",
	}
}

func noRoom(cause error) error {
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Code: "request_buffers_full", Type: "server_error", Close: true,
		Message: "Too many large requests are under way. Send it again in a second.", Wait: time.Second, Cause: cause,
	}
}

func unreadable(cause error) error {
	return &openai.Error{
		Status: http.StatusBadRequest, Code: "request_unreadable", Type: "invalid_request_error", Close: true,
		Message: "The request's body ended before its announced length.", Cause: cause,
	}
}

func unsendable(cause error) error {
	return &openai.Error{
		Status: http.StatusBadRequest, Code: "request_unsendable", Type: "invalid_request_error",
		Message: "The request cannot be passed on: its method or one of its headers is malformed.", Cause: cause,
	}
}

func internal(cause error) *openai.Error {
	return &openai.Error{
		Status: http.StatusBadGateway, Code: "backend_unavailable", Type: "server_error",
		Message: "The backend could not be called.", Cause: cause,
	}
}

func timedOut() error {
	return &openai.Error{
		Status: http.StatusGatewayTimeout, Code: "backend_timeout", Type: "server_error", NoRetry: true,
		Message: "No backend answered in time. If the request reached one, the model may still be at work on it, so it was not sent again.",
	}
}

func throttled(deployment string, wait time.Duration) error {
	return &openai.Error{
		Status: http.StatusTooManyRequests, Code: "429", Type: "requests", Wait: wait,
		Message: fmt.Sprintf("Every backend of the deployment %q is at its rate limit. The first is ready again in %.1f s.", deployment, wait.Seconds()),
	}
}

func unavailable(deployment string, wait time.Duration) error {
	return &openai.Error{
		Status: http.StatusBadGateway, Code: "backend_unavailable", Type: "server_error", Wait: wait,
		Message: fmt.Sprintf("No backend of the deployment %q could answer.", deployment),
	}
}

func unauthorized() error {
	return &openai.Error{
		Status: http.StatusBadGateway, Code: "backend_credentials_refused", Type: "server_error", NoRetry: true,
		Message: "The backends refuse this gateway's credentials. The caller's own key is fine.",
	}
}

func noCredential(wait time.Duration) error {
	return &openai.Error{
		Status: http.StatusServiceUnavailable, Code: "backend_credentials_unavailable", Type: "server_error", Wait: wait,
		Message: "This gateway's credentials for the backends cannot be read at the moment.",
	}
}
