package openai_test

import (
	"encoding/json"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/openai"
)

// verdictOf feeds a stream in pieces of the given size, as a holder does.
func verdictOf(stream string, piece int) openai.Verdict {
	var o openai.Opening
	for end := 0; end < len(stream); {
		end = min(end+piece, len(stream))
		if v := o.Look([]byte(stream[:end])); v.Decided {
			return v
		}
	}
	return openai.Verdict{}
}

func TestOpening_KnowsContentFromPreliminaries(t *testing.T) {
	for event, want := range map[string]openai.Verdict{
		`data: {"choices":[],"prompt_filter_results":[]}`:                   {},
		`data: {"choices":[{"delta":{"role":"assistant","content":""}}]}`:   {},
		`data: {"choices":[{"delta":{"role":"assistant","content":null}}]}`: {},
		`: keep-alive`: {},
		"event: response.created\ndata: {\"type\":\"response.created\"}": {},
		`data: {"type":"response.output_item.added"}`:                    {},
		`data: {"choices":[{"delta":{"content":"x"}}]}`:                  {Decided: true},
		`data: {"choices":[{"delta":{"tool_calls":[{}]}}]}`:              {Decided: true},
		`data: {"choices":[{"text":"x"}]}`:                               {Decided: true},
		`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`:        {Decided: true},
		`data: {"type":"response.output_text.delta"}`:                    {Decided: true},
		`data: [DONE]`: {Decided: true},
		`data: {"error":{"code":"content_filter"}}`:                                             {Decided: true},
		`data: {"error":{"code":"429"}}`:                                                        {Decided: true, Status: 429},
		`data: {"error":{"code":429}}`:                                                          {Decided: true, Status: 429},
		`data: {"error":{"code":null,"type":"server_error"}}`:                                   {Decided: true, Status: 500},
		"event: error\r\ndata: {\"type\":\"error\",\r\ndata: \"code\":\"rate_limit_exceeded\"}": {Decided: true, Status: 429},
		`data: {"type":"response.failed","response":{"error":{"code":"server_error"}}}`:         {Decided: true, Status: 500},
	} {
		for _, end := range []string{"\n\n", "\r\n\r\n"} {
			for _, piece := range []int{1, 7, 4096} {
				if got := verdictOf(event+end, piece); got != want {
					t.Errorf("%s in pieces of %d: %+v", event, piece, got)
				}
			}
		}
	}
}

func TestOpening_EndsAfter64EventsOrItsBytes(t *testing.T) {
	prelude := "data: {\"type\":\"response.created\"}\n\n"
	if got := verdictOf(strings.Repeat(prelude, 63), 100); got.Decided {
		t.Error("decided too early")
	}
	if got := verdictOf(strings.Repeat(prelude, 64), 100); got != (openai.Verdict{Decided: true}) {
		t.Errorf("after 64 events: %+v", got)
	}
	if got := verdictOf("data: "+strings.Repeat("x", 256<<10), 5000); got != (openai.Verdict{Decided: true}) {
		t.Errorf("after 256 KiB: %+v", got)
	}
}

func FuzzOpening_JudgesAlikeHoweverTheStreamIsCut(f *testing.F) {
	f.Add("data: {\"choices\":[]}\n\nevent: error\ndata: {\"error\":{\"code\":\"429\"}}\n\n", uint16(3))
	f.Add("\r\n\r\ndata:\n\n:\n\ndata: [DONE]\n\n", uint16(1))
	f.Add("data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":{}}}}\n\n", uint16(17))
	f.Fuzz(func(t *testing.T, stream string, piece uint16) {
		whole, cut := verdictOf(stream, len(stream)+1), verdictOf(stream, int(piece)+1)
		if whole != cut {
			t.Errorf("whole %+v, in pieces of %d %+v", whole, piece+1, cut)
		}
	})
}

func TestBrokenStream_HasTheShapeOfTheAPI(t *testing.T) {
	for operation, prefix := range map[string]string{"chat/completions": "data: ", "responses": "event: error\ndata: "} {
		event := string(openai.BrokenStream(operation, `why "x"`))
		body, ok := strings.CutPrefix(event, prefix)
		if !ok || !strings.HasSuffix(event, "}\n\n") || !json.Valid([]byte(body)) || !strings.Contains(body, `"code":"stream_broken"`) {
			t.Errorf("%s: %q", operation, event)
		}
	}
}
