package openai_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/openai"
)

// passes gives an answer to a reader in pieces of a size.
func passes(answer string, size int) openai.Usage {
	var r openai.UsageReader
	for len(answer) > 0 {
		n := min(size, len(answer))
		_, _ = r.Write([]byte(answer[:n]))
		answer = answer[n:]
	}
	return r.Usage()
}

const chatUsage = `{"completion_tokens":11,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":5,"rejected_prediction_tokens":0},"prompt_tokens":1200,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":1024},"total_tokens":1211}`

const responsesUsage = `{
    "input_tokens": 36,
    "input_tokens_details": {
      "cached_tokens": 0
    },
    "output_tokens": 87,
    "output_tokens_details": {
      "reasoning_tokens": 0
    },
    "total_tokens": 123
  }`

func TestUsage_IsReadInEveryShapeHoweverItIsCut(t *testing.T) {
	longMetadata := `,"user":null,"metadata":{"k":"` + strings.Repeat(`\u4f60`, 8<<10) + `"}`
	told := func(input, output, cacheRead int64) openai.Usage {
		return openai.Usage{Told: true, Input: input, Output: output, CacheRead: cacheRead}
	}
	for name, row := range map[string]struct {
		answer string
		want   openai.Usage
	}{
		"chat":              {`{"choices":[{"message":{"content":"x"}}],"system_fingerprint":"fp_1","usage":` + chatUsage + `}`, told(1200, 11, 1024)},
		"chat, usage first": {`{"usage":` + chatUsage + `,"choices":[{"message":{"content":"` + strings.Repeat("x", 20<<10) + `"}}]}`, told(1200, 11, 1024)},
		"chat stream": {
			"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\n\n" +
				"data: {\"choices\":[],\"usage\":" + chatUsage + ",\"obfuscation\":\"abc\"}\n\ndata: [DONE]\n\n", told(1200, 11, 1024),
		},
		"a caller's own usage after it": {`{"usage":` + chatUsage + `,"metadata":{"usage":{"a":1}}}`, told(1200, 11, 1024)},
		"an empty usage after it":       {`{"usage":` + chatUsage + `,"x":{"usage":{}}}`, told(1200, 11, 1024)},
		"null after all":                {"data: {\"usage\":" + chatUsage + "}\n\ndata: {\"usage\": null}\n\ndata: [DONE]\n\n", told(1200, 11, 1024)},
		"chat stream without":           {"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n", openai.Usage{}},
		"running usage":                 {"data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n", told(1, 2, -1)},
		"responses":                     {`{"id":"resp_1","tools":[],"usage": ` + responsesUsage + `,"user":null,"metadata":{}}`, told(36, 87, 0)},
		"responses, long metadata":      {`{"id":"resp_1","tools":[],"usage" : ` + responsesUsage + longMetadata + `}`, told(36, 87, 0)},
		"responses stream": {
			"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null,\"user\":null}}\n\n" +
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[],\"usage\":" +
				strings.ReplaceAll(responsesUsage, "\n", "") + longMetadata + "}}\n\n", told(36, 87, 0),
		},
		"a tool's own usage": {
			`{"tools":[{"parameters":{"properties":{"usage":{"type":"object","properties":{"input_tokens":{"type":"integer"}}}}}}],"usage":` + responsesUsage + `}`, told(36, 87, 0),
		},
		"a tool's own usage alone": {`{"tools":[{"parameters":{"properties":{"usage":{"type":"object","input_tokens":{"default":7}}}}}],"usage":null}`, openai.Usage{}},
		"embeddings":               {`{"object":"list","data":[{"embedding":[0.1]}],"model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}`, told(5, -1, -1)},
		"transcription":            {`{"text":"x","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`, told(14, 45, -1)},
		"transcription by time":    {`{"text":"x","usage":{"type":"duration","seconds":3}}`, openai.Usage{}},
		"image":                    {`{"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":50,"input_tokens_details":{"image_tokens":40,"text_tokens":10},"output_tokens":500,"total_tokens":550}}`, told(50, 500, -1)},
		"what a completion says":   {`{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}]}`, openai.Usage{}},
		"a member that ends so":    {`{"my \"usage":{"prompt_tokens":9}}`, openai.Usage{}},
		"a key of metadata":        {`{"usage":` + responsesUsage + `,"metadata":{"usage":"{\"input_tokens\":1}"}}`, told(36, 87, 0)},
		"broken off":               {`{"usage":{"prompt_tokens":9,"completion_tokens":1`, openai.Usage{}},
		"no numbers":               {`{"usage":{"prompt_tokens":-9,"completion_tokens":1e3,"x":["prompt_tokens",7],"prompt_tokens":"8"}}`, openai.Usage{}},
		"a number beyond reason":   {`{"usage":{"prompt_tokens":99999999999999999999,"completion_tokens":2}}`, told(-1, 2, -1)},
		"endless":                  {`{"usage":{"a":"` + strings.Repeat("x", 10<<10) + `","prompt_tokens":9}}`, openai.Usage{}},
	} {
		for _, size := range []int{1, 2, 3, 5, 7, 64, len(row.answer)} {
			if got := passes(row.answer, size); got != row.want {
				t.Errorf("%s, in pieces of %d: %+v, want %+v", name, size, got, row.want)
			}
		}
	}
}

func FuzzUsage_IsTheSameHoweverTheAnswerIsCut(f *testing.F) {
	f.Add(`{"usage":`+chatUsage+`}`, uint8(3))
	f.Add(`{"a":"\"usage":{"prompt_tokens":1}}"usage"usage" : {"x"`, uint8(1))
	f.Add(`\"usage\\"usage":{"completion_tokens":1,"d":{"cached_tokens":2}}`, uint8(2))
	f.Fuzz(func(t *testing.T, answer string, size uint8) {
		whole := passes(answer, len(answer))
		if cut := passes(answer, int(size)+1); cut != whole {
			t.Errorf("%q: whole %+v, cut %+v", answer, whole, cut)
		}
	})
}

// What a JSON parser reads is what the reader reads, whatever text stands before and after it.
func FuzzUsage_IsWhatAParserReads(f *testing.F) {
	f.Add("a \"usage\": {} text", int64(1), int64(2), int64(3), uint8(7))
	f.Fuzz(func(t *testing.T, text string, input, output, cached int64, size uint8) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		known := func(n int64) int64 {
			if n < 0 || n > 1<<50 {
				return -1
			}
			return n
		}
		want := openai.Usage{Told: true, Input: known(input), Output: known(output), CacheRead: known(cached)}
		if want.Input < 0 && want.Output < 0 {
			want = openai.Usage{}
		}
		answer := fmt.Sprintf(`{"a":%s,"usage":{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d},"output_tokens":%d},"metadata":{%s:%s}}`,
			quoted, input, cached, output, quoted, quoted)
		if got := passes(answer, int(size)+1); got != want {
			t.Errorf("%s: %+v, want %+v", answer, got, want)
		}
	})
}

func BenchmarkUsage(b *testing.B) {
	event := `data: {"choices":[{"content_filter_results":{},"delta":{"content":" word"},"finish_reason":null,"index":0}],"created":1700000000,"id":"chatcmpl-abcdefghijkl","model":"gpt","object":"chat.completion.chunk","system_fingerprint":"fp_1"}` + "\n\n"
	for name, answer := range map[string][]string{
		"answer":       {`{"choices":[{"message":{"content":"` + strings.Repeat("word ", 400) + `"}}],"usage":` + chatUsage + `}`},
		"event":        {event},
		"embeddings1M": {strings.Repeat("-0.0023064255,", 75_000), `],"usage":{"prompt_tokens":8,"total_tokens":8}}`},
	} {
		b.Run(name, func(b *testing.B) {
			var pieces [][]byte
			for _, piece := range answer {
				pieces = append(pieces, []byte(piece))
			}
			b.SetBytes(int64(len(strings.Join(answer, ""))))
			b.ReportAllocs()
			for b.Loop() {
				var r openai.UsageReader
				for _, piece := range pieces {
					_, _ = r.Write(piece)
				}
				r.Usage()
			}
		})
	}
}
