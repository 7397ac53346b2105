package credential

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
)

// Error says why there is no credential. Its text is one of a small number, such as "vault answered 403 Forbidden
// (ForbiddenByRbac)", "vault not reached: connection refused", "secret not found" or "identity not available". It holds no
// secret, no name and no host, and what caused it is let go for the same reason, since the SDKs write all of these into
// their errors. It unwraps to nothing but a context's end.
type Error struct {
	text  string
	ended error // of the waiting request's context, or nil
}

func newError(text string) *Error { return &Error{text: text} }

func (e *Error) Error() string { return e.text }

// Unwrap gives the end of the context that the wait for a credential was cut short by.
func (e *Error) Unwrap() error { return e.ended }

// NonRetriable marks the error for the Azure SDKs, which would try again in the midst of a fetch; sources do that
// themselves.
func (e *Error) NonRetriable() {}

func publicError(err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	return newError("credential library failed")
}

// answered describes an answer of who, with the server's own code where that is plainly a code.
func answered(who string, status int, code string) *Error {
	text := strings.TrimSpace(who + " answered " + strconv.Itoa(status) + " " + http.StatusText(status))
	if plainCode(code) {
		text += " (" + code + ")"
	}
	return newError(text)
}

func plainCode(code string) bool {
	for _, c := range code {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return 0 < len(code) && len(code) <= 64
}

// notReached describes a failure to get any answer from who.
func notReached(who string, err error) *Error {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	text := who + " not reached"
	switch {
	case errors.As(err, &certificate):
		text += ": certificate not trusted"
	case errors.As(err, &dns):
		text += ": name not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		text += ": connection refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		text += ": timed out"
	}
	return newError(text)
}

// timedOut reports whether the fetch's own time is over, whatever error the SDK has made of that.
func timedOut(ctx context.Context) bool { return errors.Is(ctx.Err(), context.DeadlineExceeded) }
