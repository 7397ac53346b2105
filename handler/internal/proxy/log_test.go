package proxy_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/credential"
	"aoai-balancer/handler/internal/logschema"
	"aoai-balancer/handler/internal/simulator"
)

const schemaFile = "../../../docs/log.schema.json"

var openSchema = sync.OnceValues(func() (*logschema.Schema, error) { return logschema.Open(schemaFile) }) //nolint:gochecknoglobals // read once for all tests, it never changes

// checkLog holds every line that a test has made to the schema.
func (r *rig) checkLog() {
	r.t.Helper()
	schema, err := openSchema()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(r.log.String()) {
		if err := schema.Check(line); err != nil {
			r.t.Error(err)
		}
	}
}

// words are the outcomes in a log: those of attempts and those of requests.
type words map[string]bool

func (w words) note(r *rig) {
	r.t.Helper()
	for _, line := range r.logged() {
		if outcome, ok := line["outcome"].(string); ok {
			w[outcome] = true
		}
		for _, attempt := range line["attempts"].([]any) {
			w[attempt.(map[string]any)["outcome"].(string)] = true
		}
	}
}

// documented are the words in the log's column of docs/outcomes.md.
func documented(t *testing.T) words {
	t.Helper()
	text, err := os.ReadFile("../../../docs/outcomes.md")
	if err != nil {
		t.Fatal(err)
	}
	found := words{}
	for line := range strings.Lines(string(text)) {
		if columns := strings.Split(line, "|"); len(columns) == 7 {
			for _, word := range regexp.MustCompile("`[a-z_]+`").FindAllString(columns[4], -1) {
				found[strings.Trim(word, "`")] = true
			}
		}
	}
	delete(found, "outcome") // the field's name
	return found
}

// inSchema are the words that the schema allows.
func inSchema(t *testing.T) words {
	t.Helper()
	type properties struct {
		Properties struct{ Outcome struct{ Enum []string } }
	}
	var schema struct {
		Defs struct{ Request, Attempt properties } `json:"$defs"`
	}
	text, err := os.ReadFile(schemaFile)
	if err == nil {
		err = json.Unmarshal(text, &schema)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := words{}
	for _, word := range slices.Concat(schema.Defs.Request.Properties.Outcome.Enum, schema.Defs.Attempt.Properties.Outcome.Enum) {
		found[word] = true
	}
	return found
}

// Each outcome comes about, and its line keeps the schema: closing a rig checks that.
func TestLog_HasEveryOutcomeOfTheDocumentAndTheSchemaAndNoOther(t *testing.T) {
	logged := words{}
	for _, step := range []simulator.Step{
		{}, {Status: 400}, {Status: 410}, {Status: 401}, {Status: 429}, {Status: 500}, {Reset: true}, {Hang: true}, {Stall: 5},
		{CutAfter: 5, EventDelay: time.Millisecond}, {Status: 400, Body: `{"error":{"code":"invalid_encrypted_content"}}`},
		{Events: []string{failedEvent}},
	} {
		inBubble(t, 2, func(r *rig) {
			r.backends[0].Script(step)
			r.stream()
			logged.note(r)
		})
	}
	inBubble(t, 2, func(r *rig) { // a connection that waited, one that is not to be had, a caller that leaves
		r.ask()
		r.ask()
		r.backends[0].Script(simulator.Step{Reset: true})
		r.ask()
		r.network.Close("a.test:80")
		r.ask()
		r.backends[1].Script(simulator.Step{Hang: true})
		ctx, leave := context.WithTimeout(r.t.Context(), time.Second)
		defer leave()
		if _, err := r.client.Do(r.request(ctx, http.MethodPost, chat, question)); err == nil {
			r.t.Error("answered")
		}
		logged.note(r)
	})
	for _, spoil := range []func(b *backend.Backend){ // no credential, and nothing that could be sent
		func(b *backend.Backend) { b.Credential = credential.Secret(nil, "never fetched", credential.Options{}) },
		func(b *backend.Backend) { b.Endpoint = new(url.URL) },
	} {
		inBubble(t, 2, func(r *rig) {
			r.ask()
			logged.note(r)
		}, func(_ *rig, p *plan) { spoil(p.backends[0]) })
	}
	onTokens(t, 2, "old", "new", func(r *rig, f *tokens, a *simulator.OpenAI) {
		f.current.Store("new")
		a.Script(simulator.Step{Status: 401}, simulator.Step{Status: 401, Body: `{"error":{"code":"PermissionDenied"}}`})
		r.ask()
		logged.note(r)
	})
	for name, want := range map[string]words{"docs/outcomes.md": documented(t), "the schema": inSchema(t)} {
		if !maps.Equal(logged, want) {
			t.Errorf("the log says %v, %s %v", slices.Sorted(maps.Keys(logged)), name, slices.Sorted(maps.Keys(want)))
		}
	}
}
