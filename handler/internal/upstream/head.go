package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// check finds what could not be sent as it is, or would be understood as something else: a key from a vault may hold
// anything.
func check(req *http.Request) error {
	switch u := req.URL; {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("no address to send to")
	case strings.ContainsFunc(u.Host, notPrinted) || strings.ContainsFunc(u.RawQuery, notPrinted):
		return errors.New("an address that cannot be sent")
	case req.ContentLength < 0 || req.ContentLength > 0 && req.Body == nil:
		return errors.New("a body of unknown length")
	}
	for name, values := range req.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return errors.New("a header's name cannot be sent")
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("the header %s cannot be sent", name)
			}
		}
	}
	return nil
}

// notPrinted are the bytes that would end the request's first line or one of its parts.
func notPrinted(r rune) bool { return r <= ' ' || r == 0x7f }

// writeHead writes the request's first line and its headers, RFC 9112 sections 3 and 5. An error stays in w.
func writeHead(w *bufio.Writer, req *http.Request) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	for _, part := range [...]string{req.Method, " ", req.URL.RequestURI(), " HTTP/1.1\r\nHost: ", host, "\r\n"} {
		_, _ = w.WriteString(part)
	}
	for name, values := range req.Header {
		if isFraming(name) {
			continue
		}
		for _, value := range values {
			if value != "" || name != "User-Agent" { // that is ReverseProxy's way to say none
				writeHeader(w, name, value)
			}
		}
	}
	if req.ContentLength > 0 || req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch {
		writeHeader(w, "Content-Length", strconv.FormatInt(req.ContentLength, 10))
	}
	_, _ = w.WriteString("\r\n")
}

// isFraming: a header that says how long the request is, or whose it is, follows from the request itself.
func isFraming(name string) bool {
	return name == "Host" || name == "Content-Length" || name == "Transfer-Encoding" || name == "Trailer"
}

func writeHeader(w *bufio.Writer, name, value string) {
	for _, part := range [...]string{name, ": ", value, "\r\n"} {
		_, _ = w.WriteString(part)
	}
}
