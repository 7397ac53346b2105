package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

// Error is a call of Table Storage that failed. Its text is one line for the log and holds no key, signature or URL.
type Error struct {
	// Op is what was to be done, such as "read row turns".
	Op string
	// Status is the HTTP status of the answer, 0 if there was none that could be read.
	Status int
	// Code is the service's error code, such as AuthorizationFailure, if it gave one:
	// https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
	Code string

	cause error
}

// maxErrorText bounds what of a cause is shown: a sign-in error can fill a page.
const maxErrorText = 300

// newError returns an *Error about err, or nil if err is nil.
func newError(op string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, cause: err}
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		e.Status = response.StatusCode
		e.Code = plainCode(response.ErrorCode)
	}
	return e
}

// plainCode drops what cannot be a code of the service.
func plainCode(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' }) {
		return ""
	}
	return s
}

func (e *Error) Error() string { return "table storage: " + e.Op + ": " + e.reason() }

func (e *Error) reason() string {
	switch {
	case e.Status != 0 && e.Code != "":
		return fmt.Sprintf("answered %d %s", e.Status, e.Code)
	case e.Status != 0:
		return fmt.Sprintf("answered %d", e.Status)
	case errors.Is(e.cause, context.DeadlineExceeded):
		return "no answer in time"
	}
	return oneLine(e.cause)
}

// Class says in one short line what an error of storage, or about it, is. It holds no key, signature or URL.
func Class(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.reason()
	}
	return oneLine(err)
}

// Unwrap returns the cause, whose text may hold URLs and whole answers.
func (e *Error) Unwrap() error { return e.cause }

// oneLine shortens err's text. net/http's errors hold the URL, and with it a shared access signature: only what they
// wrap is shown.
func oneLine(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}
