// Package affinity knows which backend each stateful id lives at.
package affinity

import (
	"net/http"
	"strings"
)

// maxID is longer than any id in use: Azure's response ids, the longest, have about 60 characters.
const maxID = 256

// collectionOf is the path under /openai, or /openai/v1, where things with such an id are kept and can be asked for;
// empty where there is none. Things that are only ever named below another (messages, runs and steps below a thread,
// files of a vector store) need no row here. Prefixes as in the reference
// (https://learn.microsoft.com/azure/foundry/openai/latest); Azure's ids of files for assistants begin with assistant-.
func collectionOf(id string) (collection string, ok bool) {
	switch prefix(id) {
	case "resp_":
		return "responses", true
	case "conv_":
		return "conversations", true
	case "file-", "assistant-":
		return "files", true
	case "batch_":
		return "batches", true
	case "asst_":
		return "assistants", true
	case "thread_":
		return "threads", true
	case "vs_":
		return "vector_stores", true
	case "ftjob-":
		return "fine_tuning/jobs", true
	case "chatcmpl-":
		return "chat/completions", true
	case "cntr_":
		return "containers", true
	case "eval_":
		return "evals", true
	case "video_":
		return "videos", true
	case "upload_": // an upload has no GET
		return "", true
	}
	return "", false
}

// prefix is what says of which kind an id is; empty where it is no id.
func prefix(id string) string {
	i := strings.IndexAny(id, "_-") + 1
	if i == 0 || i == len(id) || len(id) > maxID || strings.ContainsFunc(id, isForeign) {
		return ""
	}
	return id[:i]
}

// isForeign: no id has such a character.
func isForeign(c rune) bool {
	letter := c|0x20 >= 'a' && c|0x20 <= 'z'
	return !letter && (c < '0' || c > '9') && c != '_' && c != '-'
}

func isResource(id string) bool {
	_, ok := collectionOf(id)
	return ok
}

// isItem: the ids of a response's items begin in many ways (rs_, msg_, fc_, …), with lower-case letters and _.
func isItem(id string) bool {
	p := prefix(id)
	return strings.HasSuffix(p, "_") && p == strings.ToLower(p) && !isResource(id)
}

// isReasoning: what such an item holds is encrypted, or kept, by the resource that made it.
func isReasoning(id string) bool { return prefix(id) == "rs_" }

// Path is where a thing can be asked for, below /openai/ or /openai/v1/; empty where nothing can be asked.
func Path(id string) string {
	collection, _ := collectionOf(id)
	if collection == "" {
		return ""
	}
	return collection + "/" + id
}

// Concerns reports whether calls of the operation, as openai.Target has it, make or name things with ids.
func Concerns(operation string) bool {
	first, rest, _ := strings.Cut(operation, "/")
	switch first {
	case "responses", "conversations", "files", "uploads", "batches", "assistants", "threads", "vector_stores", "fine_tuning", "containers", "evals", "videos":
		return true
	case "chat":
		return strings.HasPrefix(rest, "completions/")
	}
	return false
}

// IsList reports whether a call lists what a resource holds.
func IsList(method, operation string) bool {
	if method != http.MethodGet {
		return false
	}
	switch operation {
	case "chat/completions", "files", "batches", "assistants", "vector_stores", "fine_tuning/jobs", "containers", "evals", "videos":
		return true
	}
	return false
}

// InPath is the first id that an operation's path names; empty where it names none.
func InPath(operation string) string {
	for segment := range strings.SplitSeq(operation, "/") {
		if isResource(segment) {
			return segment
		}
	}
	return ""
}
