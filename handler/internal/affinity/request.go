package affinity

import (
	"io"

	"aoai-balancer/handler/internal/openai"
)

// Named is what a request's body says of where the request belongs.
type Named struct {
	ID     string // the first that lives at one backend; empty: none
	Sticky string // the value of the sticky field; empty: none
}

// Wanted is what Read looks for.
type Wanted struct {
	IDs    bool
	Sticky string // a member of the outermost object; empty: not wanted
}

// Read looks through a JSON body, and no further than to what is wanted. A body that is no JSON names nothing: what is
// wrong with it is the backend's to say.
func Read(body io.Reader, w Wanted) Named {
	var n Named
	var last item
	_ = openai.Scan(body, func(v openai.Value) bool {
		if w.Sticky != "" && n.Sticky == "" && v.Depth == 1 && v.Key == w.Sticky {
			n.Sticky = v.Text
		}
		if w.IDs && n.ID == "" {
			n.ID = named(v, &last)
		}
		return (w.IDs && n.ID == "") || (w.Sticky != "" && n.Sticky == "")
	})
	return n
}

// named is the id that a string of a request gives, if it names something that lives at one backend.
func named(v openai.Value, last *item) string {
	switch {
	case v.In == "metadata": // the caller's own
		return ""
	case isReference(v.Key), v.Key == "id" && v.In == "conversation":
		if isResource(v.Text) {
			return v.Text
		}
	case v.In == "input" || v.In == "items":
		return last.add(v)
	}
	return ""
}

// isReference: the member holds an id, or ids, that were made before.
func isReference(key string) bool {
	switch key {
	case "previous_response_id", "response_id", "conversation", "conversation_id",
		"file_id", "file_ids", "input_file_id", "training_file", "validation_file",
		"vector_store_id", "vector_store_ids", "assistant_id", "thread_id", "container", "container_id":
		return true
	}
	return false
}

// item is the member of a Responses input that is being read: its id counts where the item is only a reference, or
// can be read only where it was made. An item that is there whole can go anywhere.
type item struct {
	within int64
	id     string
	bound  bool
}

func (i *item) add(v openai.Value) string {
	if v.Within != i.within {
		*i = item{within: v.Within}
	}
	switch {
	case v.Key == "id" && isReasoning(v.Text):
		return v.Text
	case v.Key == "id" && isItem(v.Text):
		i.id = v.Text
	case v.Key == "type":
		i.bound = v.Text == "item_reference" || v.Text == "reasoning" || v.Text == "compaction"
	}
	if i.bound {
		return i.id
	}
	return ""
}
