package proxy

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"aoai-balancer/handler/internal/affinity"
	"aoai-balancer/handler/internal/telemetry"
)

// rewrite makes the request that every attempt sends, but for its address and its credential: nothing that lets a
// backend, or who reads its logs, act as the caller or as the platform leaves the handler.
func rewrite(r *httputil.ProxyRequest) {
	h := r.Out.Header
	for name := range h {
		if isPrivate(name) {
			delete(h, name)
		}
	}
	// The body is here whole, and no upgrade passes the Functions host.
	delete(h, "Expect")
	delete(h, "Upgrade")
	delete(h, "Connection")
	if accepted := h["Accept-Encoding"]; len(accepted) > 0 {
		h["Accept-Encoding"] = []string{readable(accepted[0], callOf(r.In.Context()))}
	}
	r.Out.Host = ""
	r.Out.URL.RawQuery = publicQuery(r.In.URL.RawQuery)
}

// readable is the encoding to ask a backend for: one that the handler can read too, where it must. What an error means
// may stand in its body, which is looked into with gzip at the most; ids are read from answers as they come.
func readable(accepted string, c *call) string {
	if strings.Contains(accepted, "gzip") && !affinity.Concerns(c.target.Operation) {
		return "gzip"
	}
	return "identity"
}

func isPrivate(name string) bool {
	switch name {
	case "Api-Key", "Authorization", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "Cookie", "Forwarded",
		"X-Ms-Invocation-Id", "Proxy-Authorization", "Client-Ip", "Disguised-Host", "Was-Default-Hostname", "X-Site-Deployment-Id":
		return true
	}
	for _, prefix := range [...]string{"X-Forwarded-", "X-Azure-Functions-", "X-Aoai-", "X-Ms-Client-Principal", "X-Ms-Token-", "X-Arr-", "X-Original-", "X-Waws-", "X-Client-", "X-Appservice-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// publicQuery drops the parameters that carry keys (of the Functions host and of API Management) and leaves the rest
// as the caller wrote it.
func publicQuery(raw string) string {
	if raw == "" {
		return ""
	}
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(raw, "&") {
		if !isKey(part) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// isKey compares as the Functions host does: decoded, and in any case.
func isKey(parameter string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	return strings.EqualFold(name, "code") || strings.EqualFold(name, "subscription-key")
}

// makePublic prepares an answer's headers for the caller. Addresses at the backend, as in Operation-Location, become
// paths at the gateway. What is not ASCII is escaped as in a URL: Azure sends back a deployment's name as it is, and the
// Functions host fails on it (Kestrel refuses such header values).
func makePublic(h http.Header, endpoint *url.URL) {
	for _, values := range h {
		for i, value := range values {
			if strings.Contains(value, endpoint.Host) {
				value = strings.ReplaceAll(value, endpoint.String(), "")
				values[i] = strings.ReplaceAll(value, endpoint.Host, "")
			}
			if strings.IndexFunc(value, notASCII) >= 0 {
				values[i] = escapeNotASCII(values[i])
			}
		}
	}
}

func notASCII(r rune) bool { return r >= utf8.RuneSelf }

func escapeNotASCII(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c < utf8.RuneSelf {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// setAttempts tells the caller who answered and after how many attempts: the backend's name, never its host.
func setAttempts(h http.Header, record *telemetry.Record) {
	if record.Backend != "" {
		h.Set("X-Aoai-Backend", record.Backend)
	}
	h.Set("X-Aoai-Attempts", strconv.Itoa(len(record.Attempts)))
}
