package affinity

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"

	"aoai-balancer/handler/internal/openai"
)

// maxLearned bounds the ids that one answer teaches.
const maxLearned = 128

// Watch reads an answer as it passes, and remembers where the things that it tells of live. Its methods do nothing on a
// nil Watch. Not safe for concurrent use.
type Watch struct {
	passing []byte // what was written and not yet read
	ended   bool
	more    func() (struct{}, bool) // reads what was written
	stop    func()
}

// Watch begins to read an answer of a backend; nil where it cannot tell of anything: an error, a file's content, what is
// encoded. The Watch must be closed.
func (h *Homes) Watch(backend, operation string, answer *http.Response) *Watch {
	if answer.StatusCode >= http.StatusMultipleChoices || strings.HasSuffix(operation, "/content") || !isText(answer.Header) {
		return nil
	}
	w := new(Watch)
	w.more, w.stop = iter.Pull(func(yield func(struct{}) bool) {
		h.learn(backend, &reading{w, yield})
	})
	return w
}

func isText(h http.Header) bool {
	kind := h.Get("Content-Type")
	return h.Get("Content-Encoding") == "" && (strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "text/event-stream"))
}

// Write reads on. Once it returns, all that the answer has told so far is remembered: the caller, who gets these bytes
// next, may name it at once.
func (w *Watch) Write(p []byte) {
	if w == nil || w.ended || len(p) == 0 {
		return
	}
	// Whatever an answer holds, reading along must not break it.
	defer func() {
		if recover() != nil {
			w.ended = true
		}
	}()
	w.passing = p
	_, reading := w.more()
	w.passing, w.ended = nil, !reading
}

// Close ends the reading.
func (w *Watch) Close() {
	if w != nil {
		w.ended = true
		w.stop()
	}
}

// reading is the answer's other end. Where all that was written is read, it lets the writer go on.
type reading struct {
	*Watch
	yield func(struct{}) bool
}

var errWatchClosed = errors.New("the answer is over")

func (r *reading) Read(p []byte) (int, error) {
	for len(r.passing) == 0 {
		if !r.yield(struct{}{}) {
			return 0, errWatchClosed
		}
	}
	n := copy(p, r.passing)
	r.passing = r.passing[n:]
	return n, nil
}

// learn remembers what an answer tells of until the answer is over or not understood.
func (h *Homes) learn(backend string, answer io.Reader) {
	learned := 0
	_ = openai.Scan(answer, func(v openai.Value) bool {
		if tells(v) {
			h.Remember(v.Text, backend)
			learned++
		}
		return learned < maxLearned
	})
}

// tells reports whether a string in an answer is the id of something that lives where the answer comes from.
func tells(v openai.Value) bool {
	if v.In == "metadata" { // the caller's own
		return false
	}
	switch v.Key {
	case "id":
		switch v.In {
		case "", "response", "conversation", "file", "data":
			return isResource(v.Text)
		case "output", "item":
			return isItem(v.Text)
		}
		return false
	case "output_file_id", "error_file_id", "result_files":
		return isResource(v.Text)
	}
	return isReference(v.Key) && isResource(v.Text)
}
