package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
)

func (r *rig) post(path, body string) reply {
	r.t.Helper()
	return r.do(r.request(r.t.Context(), http.MethodPost, path, body))
}

func TestV1_TheBodysModelIsTheDeployment(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		body := `{"messages":[{"role":"user","content":"x"}],"model":"gpt"}`
		r.want(r.post("/openai/v1/chat/completions", body), 200, "a", "1")
		r.backends[1].Script(simulator.Step{Status: 429})
		r.want(r.post("/openai/v1/chat/completions", body), 200, "a", "2")
		if r.health.Blocks("gpt")[1].Cause != backend.Throttled || r.health.Ready("other") != 0b11 {
			t.Error("the cooldown is not of the body's model")
		}
		if got := r.logged()[0]["gen_ai.request.model"]; got != "gpt" {
			t.Errorf("logged as %v", got)
		}
	})
}

func TestV1_AMapRenamesTheModelAndNothingElse(t *testing.T) {
	rename := func(_ *rig, p *plan) {
		p.backends[0].Deployments = map[string]string{"gpt": `west "gpt"`}
		p.backends[1].Deployments = map[string]string{"gpt": "gpt"}
	}
	inBubble(t, 2, func(r *rig) {
		const body = `{ "input":"the \"model\":\"gpt\"", "model" : "gpt","x":[1, 2] }`
		r.want(r.post("/openai/v1/responses", body), 200, "a", "1")
		r.want(r.post("/openai/v1/responses", body), 200, "b", "1")
		if got := string(r.backends[0].Received()[0].Body); got != strings.Replace(body, `: "gpt"`, `: "west \"gpt\""`, 1) {
			t.Errorf("backend a got %s", got)
		}
		if got := string(r.backends[1].Received()[0].Body); got != body {
			t.Errorf("backend b got %s", got)
		}
	}, rename)
}

func TestV1_ABodyWithoutAModelIsTheCallersToMend(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for body, code := range map[string]string{`{"messages":[]}`: "missing_required_parameter", `{"messages"`: "invalid_body", "": "missing_required_parameter"} {
			if got := r.post("/openai/v1/chat/completions", body); got.status != 400 || got.code() != code {
				t.Errorf("%q: %d %s", body, got.status, got.body)
			}
		}
		r.wantCalls(0)
		if memory, disk := r.bodies.InUse(); memory != 0 || disk != 0 {
			t.Errorf("%d bytes of memory and %d of disk are still held", memory, disk)
		}
	})
}
