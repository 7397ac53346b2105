package status

import "net/http"

// Page is a stand-in.
func Page() http.Handler { return http.NotFoundHandler() }
