package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// remote is a resource whose control is on another server.
func remote(t *testing.T) (served resource, control resource) {
	served = overTCP(t, simulator.Options{Keys: []string{"k1"}})
	server := httptest.NewServer(served.Control())
	t.Cleanup(server.Close)
	return served, resource{OpenAI: served.OpenAI, t: t, url: server.URL, client: server.Client()}
}

func TestControl_ScriptsSteps(t *testing.T) {
	a, control := remote(t)
	control.post("/simulator/script", `[{"status":429,"times":2,"header":{"retry-after":"3"}},{"deployment":"gpt-5.1","delay":1.5,"eventDelay":"1ms"}]`).want(t, 204)
	a.post(chatPath, question).want(t, 429, "after 3 seconds")
	a.post(chatPath, question).want(t, 429)
	a.post(chatPath, streaming).want(t, 200)
	for _, wrong := range []string{`{}`, `[{"stauts":429}]`, `[{"delay":"soon"}]`, `[{"delay":-1}]`, `[{"delay":true}]`, `[{"delay":1e300}]`, `[{"status":42}]`, ``} {
		control.post("/simulator/script", wrong).want(t, 400)
	}
	control.post("/simulator/script", `"`+strings.Repeat("x", 9<<20)).want(t, 400)
}

func TestControl_TellsWhatCameAndForgets(t *testing.T) {
	a, control := remote(t)
	a.post(chatPath, question).want(t, 200)
	r := control.send("GET", "/simulator/received", "").want(t, 200)
	var got []simulator.Request
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got) != 1 || string(got[0].Body) != question || got[0].Header.Get("Api-Key") != "k1" {
		t.Errorf("received %s, %v", r.body, err)
	}
	wantField(t, control.send("GET", "/simulator/calls", "").want(t, 200).body, 1.0, "calls")
	control.send("DELETE", "/simulator/received", "").want(t, 204)
	if r := control.send("GET", "/simulator/received", "").want(t, 200); strings.TrimSpace(r.body) != "[]" {
		t.Errorf("received %s", r.body)
	}
	if r := control.send("GET", "/simulator/left", "").want(t, 200); strings.TrimSpace(r.body) != "[]" {
		t.Errorf("left %s", r.body)
	}
	control.send("GET", "/simulator/nothing", "").want(t, 404)
}

func TestControl_RotatesKeys(t *testing.T) {
	a, control := remote(t)
	control.send(http.MethodPut, "/simulator/keys", `["k2"]`).want(t, 204)
	a.post(chatPath, question).want(t, 401)
	a.post(chatPath, question, "api-key", "k2").want(t, 200)
}

func TestStep_SurvivesJSON(t *testing.T) {
	step := simulator.Step{
		Times: -1, Deployment: "d", Status: 429, Header: map[string]string{"a": "b"}, Body: "{}", Delay: 1500 * time.Millisecond,
		Early: true, Hang: true, Reset: true, CutAfter: -1, Stall: 2, EventDelay: time.Hour, Events: []string{"data: x"},
	}
	text, err := json.Marshal([]simulator.Step{step})
	if err != nil {
		t.Fatal(err)
	}
	var got []simulator.Step
	if err := json.Unmarshal(text, &got); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], step) {
		t.Errorf("%s became %+v, %v", text, got, err)
	}
}
