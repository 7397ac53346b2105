package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/logschema"
	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// What must not stand in a log, whatever happens.
const (
	thePrompt     = "a question that nobody must log"
	theCompletion = "an answer that nobody must log"
	theCallers    = "what-the-caller-is-known-by"
)

// private sends a call with a caller's secrets wherever one may stand, and reads its answer as far as it goes.
func private(ctx context.Context, t *testing.T, base, path, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path+"?api-version=1&code="+theCallers+"&subscription-key="+theCallers, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, name := range []string{"api-key", "x-functions-key", "Ocp-Apim-Subscription-Key", "Cookie"} {
		request.Header.Set(name, theCallers)
	}
	request.Header.Set("Authorization", "Bearer "+theCallers)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// garble sends what is no HTTP.
func garble(ctx context.Context, t *testing.T, base string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST "+chatPath+" HTTP/1.1\r\nHost: x\r\napi key: "+theCallers+"\r\n\r\n"+thePrompt); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(conn); !strings.Contains(string(answer), " 400 ") {
		t.Errorf("answered %q", answer)
	}
}

func TestLog_AtDebugLevelHoldsNoSecretAndKeepsItsSchema(t *testing.T) {
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{})
	p := startHandler(ctx, t, secretSettings(t, westeurope, eastus).With("LOG_LEVEL", "debug").With("RETRY_INTERVAL", "100ms"))
	const (
		path     = "/openai/deployments/gpt/chat/completions"
		question = `{"messages":[{"role":"user","content":"` + thePrompt + `"}]}`
		event    = `data: {"choices":[{"index":0,"delta":{"content":"` + theCompletion + `"}}]}`
		spent    = `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`
	)
	said := func(key string) string { return `{"error":{"code":"401","message":"` + key + theCompletion + `"}}` }
	completion := simulator.Step{Body: `{"choices":[{"message":{"content":"` + theCompletion + `"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`}
	for name, row := range map[string]struct {
		steps  []simulator.Step // of whichever backend has its turn
		path   string
		body   string
		status int
	}{
		"success":       {[]simulator.Step{completion}, path, question, 200},
		"failover":      {[]simulator.Step{{Status: 500, Body: said("")}}, path, question, 200},
		"throttled":     {[]simulator.Step{{Status: 429, Header: map[string]string{"retry-after-ms": "1"}, Body: said("")}}, path, question, 200},
		"stream":        {[]simulator.Step{{Events: []string{event, spent, "data: [DONE]"}}}, path, question, 200},
		"broken stream": {[]simulator.Step{{Events: []string{event, event}, CutAfter: 1}}, path, question, 200},
		"rejected":      {[]simulator.Step{{Status: 400, Body: said("")}}, path, question, 400},
		"reset":         {[]simulator.Step{{Reset: true}}, path, question, 200},
		"malformed":     {nil, "/openai/v1/chat/completions", question[1:], 400},
		"no such path":  {nil, "/openai/deployments", question, 400},
	} {
		westeurope.Script(row.steps...)
		eastus.Script(row.steps...)
		if status := private(ctx, t, p.URL, row.path, row.body); status != row.status {
			t.Errorf("%s: answered %d", name, status)
		}
		westeurope.Forget()
		eastus.Forget()
	}
	garble(ctx, t, p.URL)
	for _, b := range []*stack.Backend{westeurope, eastus} { // both refuse our keys, and name them
		b.Script(simulator.Step{Times: -1, Status: 401, Body: said(b.Key)})
	}
	if status := private(ctx, t, p.URL, path, question); status != 502 {
		t.Errorf("refused keys: answered %d", status)
	}
	p.Stop()
	checkLog(t, p, westeurope, eastus)
}

// checkLog looks through everything that a handler has written.
func checkLog(t *testing.T, p *stack.Process, backends ...*stack.Backend) {
	t.Helper()
	schema, err := logschema.Open("../../../docs/log.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var outcomes, spent []string
	for _, e := range p.Log.Since(0) {
		if err := schema.Check(e.Text); err != nil {
			t.Error(err)
		}
		for _, a := range e.Attempts {
			outcomes = append(outcomes, a.Outcome)
		}
		if strings.Contains(e.Text, `"gen_ai.usage.output_tokens":4`) {
			spent = append(spent, e.Text)
		}
	}
	all := p.Log.Tail()
	lines := strings.Count(all, "\n")
	if lines != p.Log.Len() {
		t.Errorf("%d lines were written, of which %d are events", lines, p.Log.Len())
	}
	secrets := []string{thePrompt, theCompletion, theCallers}
	for _, b := range backends {
		secrets = append(secrets, b.Key, strings.TrimPrefix(b.URL, "http://"))
	}
	hits := 0
	for _, secret := range secrets {
		hits += strings.Count(all, secret)
	}
	slices.Sort(outcomes)
	t.Logf("%d lines, %d bytes: %d hits of %d secrets; %d lines with usage; outcomes %v", lines, len(all), hits, len(secrets), len(spent), slices.Compact(outcomes))
	if hits > 0 || len(spent) != 2 || !slices.Contains(outcomes, "unauthorized") {
		t.Error("a secret is in the log, or not all that should has happened")
	}
}
