package affinity_test

import (
	"strings"
	"testing"

	"aoai-balancer/handler/internal/affinity"
)

func TestInPath_FindsTheFirstThingThatThePathNames(t *testing.T) {
	for operation, want := range map[string]string{
		"responses/resp_68a1": "resp_68a1",
		"responses":           "",
		"responses/compact":   "",
		"files/assistant-3XGbXtm8QnDdNPAmvVcVmn/content": "assistant-3XGbXtm8QnDdNPAmvVcVmn",
		"files/file-181a1cbdcdcf4677ada87f63a0928099":    "file-181a1cbdcdcf4677ada87f63a0928099",
		"batches/batch_43d33d3a-0000-4000-8000-1":        "batch_43d33d3a-0000-4000-8000-1",
		"threads/runs": "",
		"threads/thread_1/runs/run_2/steps/step_3": "thread_1",
		"vector_stores/vs_1/files/file-2":          "vs_1",
		"fine_tuning/jobs/ftjob-1/checkpoints":     "ftjob-1",
		"conversations/conv_1/items/msg_2":         "conv_1",
		"uploads/upload_1/parts":                   "upload_1",
		"chat/completions/chatcmpl-1/messages":     "chatcmpl-1",
		"files/my%2Ffile-1":                        "",
		"files/file-":                              "",
		"files/file-" + strings.Repeat("x", 300):   "",
		"models/gpt-5.1":                           "",
	} {
		if got := affinity.InPath(operation); got != want {
			t.Errorf("%s names %q, want %q", operation, got, want)
		}
	}
}

func TestConcerns_OnlyWhatMakesOrNamesThings(t *testing.T) {
	for operation, want := range map[string]bool{
		"chat/completions": false, "chat/completions/chatcmpl-1": true, "embeddings": false, "completions": false,
		"responses": true, "responses/resp_1/cancel": true, "files": true, "fine_tuning/jobs": true, "models": false, "": false,
	} {
		if got := affinity.Concerns(operation); got != want {
			t.Errorf("%s: %v", operation, got)
		}
	}
}

func TestPath_IsWhereAThingCanBeAskedFor(t *testing.T) {
	for id, want := range map[string]string{
		"file-1": "files/file-1", "assistant-1": "files/assistant-1", "ftjob-1": "fine_tuning/jobs/ftjob-1",
		"chatcmpl-1": "chat/completions/chatcmpl-1", "upload_1": "", "rs_1": "", "anything": "",
	} {
		if got := affinity.Path(id); got != want {
			t.Errorf("%s is at %q, want %q", id, got, want)
		}
	}
}
