package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

const version = "?api-version=2025-04-01-preview"

func (r *rig) get(path string, header ...string) reply {
	r.t.Helper()
	req := r.request(r.t.Context(), http.MethodGet, path, "")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return r.do(req)
}

// text is a field of the outermost object of an answer.
func (g reply) text(name string) string {
	var fields map[string]any
	_ = json.Unmarshal([]byte(g.body), &fields)
	text, _ := fields[name].(string)
	return text
}

// made is what a call to make something gave: its id, and where it lives.
func (r *rig) made(path, body string) (id, home string) {
	r.t.Helper()
	got := r.post(path, body)
	if got.status != 200 || got.text("id") == "" {
		r.t.Fatalf("POST %s was answered %d: %s", path, got.status, got.body)
	}
	return got.text("id"), got.header.Get("x-aoai-backend")
}

// postAt makes something at a backend without the product, which so does not know of it.
func (r *rig) postAt(i int, path, body string) reply {
	r.t.Helper()
	name := string(rune('a' + i))
	req := r.request(r.t.Context(), http.MethodPost, path, body)
	req.URL.Host = name + ".test"
	req.Header.Set("api-key", "key-of-"+name)
	return r.do(req)
}

func (r *rig) madeAt(i int, path, body string) (id string) {
	r.t.Helper()
	return r.postAt(i, path, body).text("id")
}

// wantAt checks that a call is served, by this backend and at the first attempt.
func (r *rig) wantAt(got reply, home string) {
	r.t.Helper()
	r.want(got, 200, home, "1")
}

func TestHome_AConversationOfResponsesStaysWhereItBegan(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for range 4 {
			id, home := r.made("/openai/v1/responses", `{"model":"gpt","input":"x"}`)
			for range 5 {
				next := r.post("/openai/v1/responses", fmt.Sprintf(`{"model":"gpt","input":"x","previous_response_id":%q}`, id))
				r.wantAt(next, home)
				id = next.text("id")
				r.wantAt(r.get("/openai/v1/responses/"+id+"/input_items"), home)
			}
			r.wantAt(r.do(r.request(r.t.Context(), http.MethodDelete, "/openai/v1/responses/"+id, "")), home)
		}
		if calls := r.backends[2].Calls(); calls == 0 {
			t.Error("new responses take no turns")
		}
	})
}

func TestHome_ABackendThatFallsSilentWhenAskedHoldsTheCallUpForASecond(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		id := r.madeAt(1, "/openai/v1/responses", `{"model":"gpt","input":"x"}`)
		r.backends[1].Script(simulator.Step{Stall: -1})
		got := r.get("/openai/v1/responses/" + id)
		r.wantAt(got, "b")
		if got.took != time.Second {
			t.Errorf("took %v", got.took)
		}
	})
}

func TestHome_IDsOfAStreamAreKnownWhenTheCallerSeesThem(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for range 3 {
			got := r.post("/openai/responses"+version, `{"model":"gpt","input":"x","stream":true}`)
			_, id, _ := strings.Cut(got.body, `"response":{"id":"`)
			id, _, _ = strings.Cut(id, `"`)
			r.wantAt(r.get("/openai/responses/"+id+version), got.header.Get("x-aoai-backend"))
		}
	})
}

func TestHome_AnswersThatTellOfIDsAreAskedForUnencoded(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for path, want := range map[string]string{"/openai/v1/files": "identity", "/openai/v1/models": "gzip"} {
			r.get(path, "Accept-Encoding", "gzip, br")
			received := r.backends[0].Received()
			if got := received[len(received)-1].Header.Get("Accept-Encoding"); got != want {
				t.Errorf("%s was asked for in %q", path, got)
			}
		}
	})
}

func TestHome_EveryKindOfThingIsFoundByPathAndByBody(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		file, home := r.made("/openai/files"+version, `{}`)
		batch := r.post("/openai/batches"+version, fmt.Sprintf(`{"endpoint":"/chat/completions","input_file_id":%q}`, file))
		r.wantAt(batch, home)
		r.wantAt(r.get("/openai/batches/"+batch.text("id")+version), home)
		r.wantAt(r.get("/openai/files/"+batch.text("output_file_id")+"/content"+version), home)

		assistant, home := r.made("/openai/assistants"+version, `{"model":"gpt"}`)
		run := r.post("/openai/threads/runs"+version, fmt.Sprintf(`{"assistant_id":%q}`, assistant))
		r.wantAt(run, home)
		r.wantAt(r.post("/openai/threads/"+run.text("thread_id")+"/messages"+version, `{}`), home)

		upload, home := r.made("/openai/v1/uploads", `{}`)
		r.wantAt(r.post("/openai/v1/uploads/"+upload+"/complete", `{}`), home)

		talk, home := r.made("/openai/v1/conversations", `{}`)
		r.wantAt(r.post("/openai/v1/responses", fmt.Sprintf(`{"model":"gpt","input":"x","conversation":{"id":%q}}`, talk)), home)

		stored, home := r.made("/openai/v1/chat/completions", `{"model":"gpt","store":true,"messages":[]}`)
		r.wantAt(r.get("/openai/v1/chat/completions/"+stored), home)
	})
}

func TestHome_TheFirstIDDecidesAndThePathComesFirst(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		thread, home := r.made("/openai/v1/threads", `{}`)
		assistant, other := r.made("/openai/v1/assistants", `{"model":"gpt"}`)
		if home == other {
			t.Fatal("both live at one backend")
		}
		got := r.post("/openai/v1/threads/"+thread+"/runs", fmt.Sprintf(`{"assistant_id":%q}`, assistant))
		r.want(got, 400, home, "1") // the assistant is not there
	})
}

func TestHome_ThrottledIs429WithItsWaitAndNeverAnotherBackend(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		id, home := r.made("/openai/v1/responses", `{"model":"gpt","input":"x"}`)
		r.backends[home[0]-'a'].Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "30000"}})
		before := r.backends[0].Calls() + r.backends[1].Calls() + r.backends[2].Calls()
		next := fmt.Sprintf(`{"model":"gpt","input":"x","previous_response_id":%q}`, id)
		for range 2 { // it says so, and then it is left alone
			got := r.post("/openai/v1/responses", next)
			if wait := got.header.Get("retry-after-ms"); got.status != 429 || len(wait) != 5 || wait < "30000" || wait > "33001" {
				t.Errorf("answered %d with a wait of %q: %s", got.status, wait, got.body)
			}
		}
		if after := r.backends[0].Calls() + r.backends[1].Calls() + r.backends[2].Calls(); after != before+1 {
			t.Errorf("%d calls were made", after-before)
		}
		time.Sleep(31 * time.Second)
		r.wantAt(r.post("/openai/v1/responses", next), home)
	})
}

func TestHome_DownIsItsErrorAndNeverAnotherBackend(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		id, home := r.made("/openai/v1/files", `{}`)
		r.backends[home[0]-'a'].Script(simulator.Step{Times: -1, Status: 500})
		r.want(r.get("/openai/v1/files/"+id), 500, home, "2")
		r.wantCalls(3, 0)
	})
}

func TestHome_AnUnknownIDIsLookedForOnTheBackends(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		id := r.madeAt(2, "/openai/v1/files", `{}`)
		r.backends[2].Script(simulator.Step{Delay: time.Second}) // the others are asked, too
		for range 3 {
			r.wantAt(r.get("/openai/files/"+id+version+"&other=1"), "c")
		}
		r.wantCalls(1, 1, 1+1+3) // it was made, looked for once, and fetched three times
		asked := r.backends[0].Received()[0]
		if asked.Path != "/openai/files/"+id || asked.Query != version[1:] || asked.Header.Get("api-key") != "key-of-a" {
			t.Errorf("backend a was asked %s?%s with %v", asked.Path, asked.Query, asked.Header)
		}
		if n := len(r.logged()[0]["attempts"].([]any)); n != 1 {
			t.Errorf("%d attempts are logged", n)
		}
	})
}

func TestHome_AnIDThatNobodyHasTakesItsTurnAndTheBackendsOwn404(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for i := range 4 {
			got := r.get("/openai/v1/files/file-nobodys")
			r.want(got, 404, string(rune('a'+i%2)), "1")
			if !strings.Contains(got.body, "No file found") {
				t.Errorf("the caller got %s", got.body)
			}
		}
		for _, path := range []string{"/openai/v1/files/my-own", "/openai/v1/responses/compact"} { // no ids: nothing is looked for
			before := r.backends[0].Calls() + r.backends[1].Calls()
			r.get(path)
			if n := r.backends[0].Calls() + r.backends[1].Calls() - before; n != 1 {
				t.Errorf("%s: %d calls", path, n)
			}
		}
	})
}

// Whoever has it cannot say so: that another backend does not have it is no answer.
func TestHome_AnIDWhoseHomeIsDownIsNotSaidToBeMissing(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		id := r.madeAt(1, "/openai/v1/files", `{}`)
		r.backends[1].Script(simulator.Step{Times: -1, Status: 500})
		r.want(r.get("/openai/v1/files/"+id), 500, "b", "2")
		if ready := r.health.Ready("*"); ready&0b101 != 0b101 {
			t.Errorf("ready: %b", ready)
		}
	})
}

// A backend that refuses a key, as while keys are replaced, does not say that it does not have it.
func TestHome_AnIDWhoseHomeRefusesTheKeyIsNotSaidToBeMissing(t *testing.T) {
	for _, status := range []int{401, 403} {
		inBubble(t, 3, func(r *rig) {
			id := r.madeAt(1, "/openai/v1/files", `{}`)
			r.backends[1].Script(simulator.Step{Status: status})
			r.wantAt(r.get("/openai/v1/files/"+id), "b")
		})
	}
}

func TestHome_SilentBackendsHoldTheSearchUpForTwoSeconds(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[1].Script(simulator.Step{Hang: true})
		got := r.get("/openai/v1/files/file-1") // b may have it
		r.want(got, 404, "b", "1")
		if got.took != 2*time.Second {
			t.Errorf("took %v", got.took)
		}
	})
}

// rows are a table without delays.
type rows map[string]string

func (f rows) Home(_ context.Context, id string) (string, error) { return f[id], nil }

func (f rows) SetHome(context.Context, string, string, time.Time) error { return nil }

func homesIn(table rows) setting {
	return func(_ *rig, p *plan) { p.homes = table }
}

func TestHome_ComesFromTheTable(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.want(r.get("/openai/v1/files/file-1"), 404, "c", "1")
		r.wantCalls(0, 0, 1)
	}, homesIn(rows{"file-1": "c"}))
}

func TestHome_TheCallersChoiceOfABackendComesFirst(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		id, _ := r.made("/openai/v1/files", `{}`) // at a
		r.want(r.get("/openai/v1/files/"+id, "x-aoai-backend", "b"), 404, "b", "1")
	})
}

func TestList_GoesToTheFirstBackendOrToTheCallersChoice(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for _, path := range []string{"/openai/files" + version, "/openai/v1/batches", "/openai/v1/fine_tuning/jobs", "/openai/v1/chat/completions"} {
			r.wantAt(r.get(path), "a")
			r.wantAt(r.get(path), "a")
			r.wantAt(r.get(path, "x-aoai-backend", "c"), "c")
		}
		r.backends[0].Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "60000"}})
		if got := r.get("/openai/v1/files"); got.status != 429 {
			t.Errorf("answered %d", got.status)
		}
		r.wantAt(r.get("/openai/v1/models"), "b") // what can be called is the same everywhere
	})
}

func TestHome_MapsAndModelsWorkWithIt(t *testing.T) {
	rename := func(_ *rig, p *plan) {
		p.backends[0].Deployments = map[string]string{"gpt": "west-gpt"}
		p.backends[1].Deployments = map[string]string{"gpt": "east-gpt"}
		p.backends[2].Deployments = map[string]string{"other": "other"}
	}
	inBubble(t, 3, func(r *rig) {
		for range 4 {
			id, home := r.made("/openai/v1/responses", `{"input":"x","model":"gpt"}`)
			r.wantAt(r.post("/openai/v1/responses", fmt.Sprintf(`{"previous_response_id":%q,"input":"x","model":"gpt"}`, id)), home)
			received := r.backends[home[0]-'a'].Received()
			if last := received[len(received)-1]; last.Deployment != map[string]string{"a": "west-gpt", "b": "east-gpt"}[home] {
				t.Errorf("%s was called for %s", home, last.Deployment)
			}
		}
		id, _ := r.made("/openai/v1/responses", `{"input":"x","model":"other"}`)
		if got := r.post("/openai/v1/responses", fmt.Sprintf(`{"previous_response_id":%q,"input":"x","model":"gpt"}`, id)); got.status != 404 {
			t.Errorf("the home does not have the deployment: answered %d", got.status)
		}
	}, rename)
}

func TestHome_ChatCallsTakeTurnsWhateverTheirBodiesSay(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		id := r.madeAt(0, "/openai/v1/files", `{}`)
		for i := range 4 {
			r.wantAt(r.post(chat, fmt.Sprintf(`{"messages":[],"file_id":%q}`, id)), string(rune('a'+i%2)))
		}
	})
}
