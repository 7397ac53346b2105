package status

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// The scripts are one module: each file may use what the ones before it declare.
var (
	//go:embed page_dom.js
	pageDOM string
	//go:embed page_words.js
	pageWords string
	//go:embed page_view.js
	pageView string
	//go:embed page_overview.js
	pageOverview string
	//go:embed page.js
	pageJS string
)

// Page serves the page that shows /status.json: one document that loads nothing else. The policy lets run only what is
// embedded here, and lets the page talk only to where it came from; no text can become markup or script. Its address may
// hold the function key, so it is neither kept nor told to others.
func Page() http.Handler {
	script := strings.Join([]string{pageDOM, pageWords, pageView, pageOverview, pageJS}, "\n")
	document := []byte(strings.NewReplacer("/*css*/", pageCSS, "/*js*/", script).Replace(pageHTML))
	policy := "default-src 'none'; style-src " + digest(pageCSS) + "; script-src " + digest(script) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; require-trusted-types-for 'script'; trusted-types 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write(document) // an error is the reader's leaving
	})
}

// digest is how a policy names an inline text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
