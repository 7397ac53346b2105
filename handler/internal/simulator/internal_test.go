package simulator

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWords_AreCountedInAllFormsOfAPrompt(t *testing.T) {
	for text, want := range map[string]int{
		`{"messages":[{"role":"user","content":"one two"},{"role":"user","content":[{"type":"text","text":"three"},{"type":"image_url"}]}]}`: 3,
		`{"prompt":"one\ntwo\\n \"three\""}`:          3,
		`{"prompt":["one","two three"]}`:              3,
		`{"input":[1,2,3]}`:                           3,
		`{"input":[[1,2],[3]]}`:                       3,
		`{"input":[{"role":"user","content":"one"}]}`: 1,
		`{"input":""}`:                                0,
		`{"input":null}`:                              0,
		`{"input":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`: 0,
	} {
		a, err := parseAsk("application/json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.words; got != want {
			t.Errorf("%.80s: %d words, want %d", text, got, want)
		}
	}
}

// The oldest bodies go also where they are at the end of the ring's memory and
// newer ones at its beginning.
func TestRecord_DropsTheOldestBodiesAcrossTheRingsEnd(t *testing.T) {
	var r record
	for range maxRecorded - 500 {
		r.add(Request{})
	}
	body := make([]byte, maxRecordedBody)
	const added, kept = 1100, maxRecordBytes / maxRecordedBody
	for range added {
		r.add(Request{Body: body})
	}
	got := r.list()
	for i, q := range got {
		if want := i >= len(got)-kept; want != (q.Body != nil) {
			t.Fatalf("request %d of %d has %d bytes", i, len(got), len(q.Body))
		}
	}
	if r.bodies != kept*maxRecordedBody {
		t.Errorf("%d bytes counted", r.bodies)
	}
}

func TestRecord_ForgetsBodiesThatAreOverwritten(t *testing.T) {
	var r record
	body := make([]byte, 2<<10)
	for range 3 * maxRecorded {
		r.add(Request{Body: body})
	}
	if got := r.list(); got[0].Body == nil || r.bodies != maxRecorded*len(body) {
		t.Errorf("%d bytes counted", r.bodies)
	}
}

func FuzzParseRoute_KeepsEverySegment(f *testing.F) {
	for _, path := range []string{"/openai/deployments/a%2Fb/chat/completions", "/openai/v1/models", "/openai/", "/openai/v1", "/x/%zz"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := parseRoute(path)
		if r.found && (len(r.segments) == 0 || !strings.HasPrefix(path, "/openai/")) {
			t.Errorf("%q gives %+v", path, r)
		}
		if !r.found && (r.deployment != "" || r.v1) && path != "/openai/v1" {
			t.Errorf("%q is not found but gives %+v", path, r)
		}
	})
}

func FuzzParseAsk_CountsWithoutPanic(f *testing.F) {
	f.Add("application/json", `{"model":"m","messages":[{"content":"a b"}],"input":[1,"x",[2]],"prompt":"\\"}`)
	f.Add("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b--\r\n")
	f.Add("multipart/form-data", "--")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		a, err := parseAsk(contentType, []byte(body))
		if err != nil {
			return
		}
		if n := a.words; n < 0 || n > len(body) {
			t.Errorf("%d words in %d bytes", n, len(body))
		}
		if n := len(embeddingInputs(a.Input)); n > len(body) {
			t.Errorf("%d inputs in %d bytes", n, len(body))
		}
	})
}

func FuzzStepJSON_WhatIsReadIsWrittenAlike(f *testing.F) {
	f.Add(`{"status":429,"delay":"1.5s","eventDelay":20,"events":["data: x"],"header":{"a":"b"}}`)
	f.Add(`{"delay":1e18}`)
	f.Fuzz(func(t *testing.T, text string) {
		var first, second Step
		if json.Unmarshal([]byte(text), &first) != nil {
			return
		}
		if first.Delay < 0 || first.EventDelay < 0 {
			t.Fatalf("negative delays in %+v", first)
		}
		once, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(once, &second); err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		if twice, err := json.Marshal(second); err != nil || string(once) != string(twice) {
			t.Errorf("%s became %s, %v", once, twice, err)
		}
	})
}
