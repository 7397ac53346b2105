package status_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"aoai-balancer/handler/internal/stack"
)

func TestPage_InARealBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	program := stack.NeedChromium(t)
	server := httptest.NewServer(new(fixture).handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var problems bytes.Buffer
	cmd := program(ctx, "page.mjs", server.URL)
	cmd.Stderr = &problems
	said, err := cmd.Output()

	checks := 0
	for line := range bytes.Lines(said) {
		var check struct {
			Name, Failed string
			Seen         json.RawMessage
		}
		if json.Unmarshal(line, &check) != nil {
			t.Fatalf("page.mjs said %s", line)
		}
		checks++
		t.Run(check.Name, func(t *testing.T) {
			t.Logf("%s", check.Seen)
			if check.Failed != "" {
				t.Error(check.Failed)
			}
		})
	}
	if (err != nil && !t.Failed()) || checks == 0 {
		t.Errorf("page.mjs made %d checks: %v\n%s", checks, err, problems.Bytes())
	}
}
