package status_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/status"
)

func TestPage_IsOneDocumentWhosePolicyAllowsJustItself(t *testing.T) {
	recorder := httptest.NewRecorder()
	status.Page().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/status?code=k", nil))
	body, header := recorder.Body.String(), recorder.Header()

	policy := header.Get("Content-Security-Policy")
	for _, inline := range [...]string{"style", "script"} {
		found := regexp.MustCompile(`(?s)<`+inline+`[^>]*>(.*?)</`+inline+`>`).FindAllStringSubmatch(body, -1)
		if len(found) != 1 {
			t.Fatalf("the page has %d elements %s", len(found), inline)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if !strings.Contains(policy, inline+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("the policy does not allow the page's %s: %s", inline, policy)
		}
	}
	for _, part := range [...]string{
		"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy allows more than the page: %s", policy)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if asset := regexp.MustCompile(`(?:src|href)="(?:[^#d"]|d[^a])[^"]*"|@import|url\(`).FindString(body); asset != "" {
		t.Errorf("the page loads %s", asset)
	}
	t.Logf("the page has %d bytes", len(body))
}
