package affinity_test

import (
	"strings"
	"testing"

	"aoai-balancer/handler/internal/affinity"
)

func TestRead_TheFirstIDOfABodyDecides(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m","input":"x","previous_response_id":"resp_1"}`:                                           "resp_1",
		`{"conversation":"conv_1","previous_response_id":"resp_1"}`:                                           "conv_1",
		`{"conversation":{"id":"conv_1"}}`:                                                                    "conv_1",
		`{"input_file_id":"file-1","endpoint":"/v1/responses"}`:                                               "file-1",
		`{"tools":[{"type":"file_search","vector_store_ids":["vs_1","vs_2"]}]}`:                               "vs_1",
		`{"tool_resources":{"code_interpreter":{"file_ids":["assistant-1"]}}}`:                                "assistant-1",
		`{"tools":[{"type":"code_interpreter","container":"cntr_1"}]}`:                                        "cntr_1",
		`{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-1"]}}]}`:           "file-1",
		`{"assistant_id":"asst_1","thread":{"messages":[]}}`:                                                  "asst_1",
		`{"training_file":"file-1"}`:                                                                          "file-1",
		`{"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]}`:                    "file-1",
		`{"input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}]}`:                   "rs_1",
		`{"input":[{"id":"msg_1","type":"item_reference"}]}`:                                                  "msg_1",
		`{"input":[{"type":"item_reference","id":"fc_1"}]}`:                                                   "fc_1",
		`{"input":[{"type":"message","id":"msg_1"},{"type":"item_reference","id":"msg_2"}]}`:                  "msg_2",
		`{"input":[{"id":"msg_1","type":"message"},{"id":"msg_2","type":"item_reference"}]}`:                  "msg_2",
		`{"input":[{"type":"function_call_output","call_id":"c"},{"id":"msg_2","type":"item_reference"}]}`:    "msg_2",
		`{"items":[{"type":"compaction","id":"cmp_1","encrypted_content":"x"}]}`:                              "cmp_1",
		`{"input":[{"type":"message","id":"msg_1","role":"assistant","content":"an item that is all here"}]}`: "",
		`{"input":"file-1 and resp_1","instructions":"previous_response_id: resp_1"}`:                         "",
		`{"metadata":{"previous_response_id":"resp_1","id":"rs_1"}}`:                                          "",
		`{"previous_response_id":null,"user":"resp_1","prompt":{"id":"pmpt_1"}}`:                              "",
		`{"previous_response_id":"something else"}`:                                                           "",
		`{"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}`:                                 "",
		`not JSON`: "",
		``:         "",
	} {
		if got := affinity.Read(strings.NewReader(body), affinity.Wanted{IDs: true}); got.ID != want || got.Sticky != "" {
			t.Errorf("%s names %+v, want %q", body, got, want)
		}
	}
}

func TestRead_TheStickyFieldIsAMemberOfTheOutermostObject(t *testing.T) {
	const body = `{"messages":[{"user":"inner"}],"user":"u1","prompt_cache_key":"k","previous_response_id":"resp_1"}`
	for field, want := range map[string]string{"user": "u1", "prompt_cache_key": "k", "messages": "", "absent": "", "": ""} {
		if got := affinity.Read(strings.NewReader(body), affinity.Wanted{Sticky: field}); got.Sticky != want || got.ID != "" {
			t.Errorf("%s: %+v", field, got)
		}
	}
	both := affinity.Read(strings.NewReader(body), affinity.Wanted{IDs: true, Sticky: "user"})
	if both != (affinity.Named{ID: "resp_1", Sticky: "u1"}) {
		t.Errorf("both: %+v", both)
	}
}

func FuzzRead_NamesOnlyWhatTheBodyHolds(f *testing.F) {
	f.Add([]byte(`{"input":[{"type":"item_reference","id":"msg_1"}],"user":"u"}`))
	f.Add([]byte(`{"conversation":{"id":"conv_1"}}`))
	f.Add([]byte(`{"input":[{"id":"rs_\u0031"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := affinity.Read(strings.NewReader(string(body)), affinity.Wanted{IDs: true, Sticky: "user"})
		if got.ID != "" && !strings.Contains(string(body), `\`) && !strings.Contains(string(body), got.ID) {
			t.Errorf("%q is not in %q", got.ID, body)
		}
	})
}
