package affinity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aoai-balancer/handler/internal/affinity"
)

// table is a table whose answers take a while, or fail.
type table struct {
	mu     sync.Mutex
	homes  map[string]string
	reads  int
	delay  time.Duration
	failed error
}

func (f *table) wait(ctx context.Context) error {
	select {
	case <-time.After(f.delay):
		return f.failed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *table) Home(ctx context.Context, id string) (string, error) {
	err := f.wait(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	return f.homes[id], err
}

func (f *table) SetHome(ctx context.Context, id, backend string, _ time.Time) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.homes == nil {
		f.homes = map[string]string{}
	}
	f.homes[id] = backend
	return nil
}

func newHomes(f *table) *affinity.Homes {
	o := affinity.Options{Backends: []string{"west", "east"}}
	if f != nil {
		o.Table = f
	}
	return affinity.New(o)
}

func wantHome(t *testing.T, h *affinity.Homes, id, want string) {
	t.Helper()
	if got := h.Find(t.Context(), id, nil); got.Backend != want {
		t.Errorf("%s lives at %q, want %q", id, got.Backend, want)
	}
}

func TestHomes_RememberedAtOnceAndReadByAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &table{delay: 20 * time.Millisecond}
		one, other := newHomes(f), newHomes(f)
		begun := time.Now()
		one.Remember("resp_1", "west")
		wantHome(t, one, "resp_1", "west")
		if took := time.Since(begun); took != 0 || f.reads != 0 {
			t.Errorf("the caller waited %v for %d reads", took, f.reads)
		}
		time.Sleep(time.Second)
		wantHome(t, other, "resp_1", "west")
		wantHome(t, other, "resp_1", "west")
		if f.reads != 1 || one.Stats().Written != 1 || other.Stats().Read != 1 || other.Stats().Written != 0 {
			t.Errorf("%d reads; %+v, %+v", f.reads, one.Stats(), other.Stats())
		}
	})
}

func TestHomes_ARowOnItsWayFromAnotherProcessIsWaitedForWhereNobodyCanBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &table{delay: 40 * time.Millisecond}
		one, other := newHomes(f), newHomes(f)
		time.AfterFunc(20*time.Millisecond, func() { one.Remember("upload_1", "west") })
		wantHome(t, other, "upload_1", "west")
		if f.reads != 2 {
			t.Errorf("%d reads", f.reads)
		}
	})
}

func TestHomes_MemoryIsBoundedAndForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomes(nil)
		for i := range 16_384 {
			h.Remember(fmt.Sprintf("resp_%d", i), "west")
		}
		wantHome(t, h, "resp_0", "west") // used now: resp_1 is the oldest
		h.Remember("resp_new", "east")
		wantHome(t, h, "resp_0", "west")
		wantHome(t, h, "resp_1", "")
		wantHome(t, h, "resp_new", "east")
		time.Sleep(25 * time.Hour)
		wantHome(t, h, "resp_new", "")
	})
}

func TestHomes_TheTableIsWaitedForNoLongerThanAQuarterOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &table{delay: time.Minute}
		h, begun := newHomes(f), time.Now()
		got := h.Find(t.Context(), "resp_1", func(context.Context) affinity.Home { return affinity.Home{Backend: "east"} })
		if took := time.Since(begun); got.Backend != "east" || took != 250*time.Millisecond {
			t.Errorf("%+v after %v", got, took)
		}
		time.Sleep(time.Minute)
		if s := h.Stats(); s.Unread != 1 || s.Unwritten != 1 || s.Found != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestHomes_OneLookupServesAllWhoAskAndOutlivesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, searches := newHomes(&table{failed: errors.New("away")}), 0
		search := func(context.Context) affinity.Home {
			searches++
			time.Sleep(time.Second)
			return affinity.Home{Backend: "east"}
		}
		impatient, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer leave()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { h.Find(impatient, "file-1", search) })
		}
		all.Wait()
		time.Sleep(time.Second)
		wantHome(t, h, "file-1", "east")
		if searches != 1 {
			t.Errorf("%d searches", searches)
		}
	})
}

func TestHomes_AnIDThatNobodyHasIsNotLookedForEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, searches := newHomes(nil), 0
		search := func(context.Context) affinity.Home {
			searches++
			return affinity.Home{Absent: 0b10}
		}
		for range 10 {
			if got := h.Find(t.Context(), "file-1", search); got != (affinity.Home{Absent: 0b10}) {
				t.Errorf("%+v", got)
			}
		}
		if searches != 1 {
			t.Errorf("%d searches", searches)
		}
		h.Remember("file-1", "west")
		wantHome(t, h, "file-1", "west")
	})
}

func TestHomes_ABackendThatIsNoLongerConfiguredIsNoHome(t *testing.T) {
	f := &table{homes: map[string]string{"file-1": "gone"}}
	got := newHomes(f).Find(t.Context(), "file-1", func(context.Context) affinity.Home { return affinity.Home{Backend: "west"} })
	if got.Backend != "west" {
		t.Errorf("%+v", got)
	}
}

func TestHomes_APanicEndsOnlyItsLookup(t *testing.T) {
	h := newHomes(nil)
	if got := h.Find(t.Context(), "file-1", func(context.Context) affinity.Home { panic("broken") }); got != (affinity.Home{}) {
		t.Errorf("%+v", got)
	}
}

func TestHomes_TooManyRowsAreDroppedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHomes(&table{delay: time.Second})
		for i := range 2000 {
			h.Remember(fmt.Sprintf("resp_%d", i), "west")
		}
		time.Sleep(time.Hour)
		s := h.Stats()
		if s.Written < 1024 || s.Dropped < 900 || s.Written+s.Dropped != 2000 {
			t.Errorf("%+v", s)
		}
		wantHome(t, h, "resp_1999", "west")
	})
}

// answer is one of a backend, as its headers tell.
func answer(kind, encoding string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kind}, "Content-Encoding": {encoding}}}
}

// watched feeds an answer byte by byte.
func watched(t *testing.T, kind, encoding, body string) *affinity.Homes {
	t.Helper()
	h := newHomes(nil)
	w := h.Watch("west", "responses", answer(kind, encoding))
	for i := range len(body) {
		w.Write([]byte(body[i : i+1]))
	}
	w.Close()
	w.Write([]byte("late"))
	return h
}

const created = `{"type":"response.created","response":{"id":"resp_1","conversation":{"id":"conv_1"},"metadata":{"id":"file-9"},"output":[]}}`

func TestWatch_LearnsWhatAnAnswerTellsOf(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for name, row := range map[string]struct{ kind, encoding, body, here, unknown string }{
		"response": {"application/json; charset=utf-8", "", `{"id":"resp_1","output":[{"id":"rs_1","encrypted_content":"` + long + `"},{"id":"msg_1","content":[{"text":"file-9"}]}],"metadata":{"file_id":"file-8"}}`,
			"resp_1 rs_1 msg_1", "file-9 file-8"},
		"batch":    {"application/json", "", `{"id":"batch_1","input_file_id":"file-1","output_file_id":"file-2","error_file_id":null}`, "batch_1 file-1 file-2", ""},
		"run":      {"application/json", "", `{"id":"run_1","thread_id":"thread_1","assistant_id":"asst_1"}`, "thread_1 asst_1", "run_1"},
		"upload":   {"application/json", "", `{"id":"upload_1","file":{"id":"file-1"}}`, "upload_1 file-1", ""},
		"list":     {"application/json", "", `{"data":[{"id":"file-1"},{"id":"file-2"}]}`, "file-1 file-2", ""},
		"messages": {"application/json", "", `{"data":[{"id":"msg_1","thread_id":"thread_1"}]}`, "thread_1", "msg_1"},
		"stream": {"text/event-stream", "", "event: response.created\ndata: " + created + "\n\n: alive\n\n" +
			`data: {"type":"response.output_item.done","item":{"id":"rs_1"}}` + "\n\ndata: [DONE]\n\n", "resp_1 conv_1 rs_1", "file-9"},
		"brotli":     {"application/json", "br", `{"id":"file-1"}`, "", "file-1"},
		"no JSON":    {"application/json", "", `}{"id":"file-1"}`, "", "file-1"},
		"a content":  {"application/octet-stream", "", `{"id":"file-1"}`, "", "file-1"},
		"too many":   {"application/json", "", `{"data":[` + strings.Repeat(`{"id":"file-1"},`, 128) + `{"id":"file-2"}]}`, "file-1", "file-2"},
		"broken off": {"application/json", "", `{"id":"file-1","x":"`, "file-1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := watched(t, row.kind, row.encoding, row.body)
			for id := range strings.FieldsSeq(row.here) {
				wantHome(t, h, id, "west")
			}
			for id := range strings.FieldsSeq(row.unknown) {
				wantHome(t, h, id, "")
			}
		})
	}
}

func TestWatch_AnIDIsKnownBeforeTheCallerHasIt(t *testing.T) {
	h := newHomes(nil)
	w := h.Watch("west", "responses", answer("text/event-stream", ""))
	defer w.Close()
	w.Write([]byte("data: " + created + "\n\n"))
	wantHome(t, h, "resp_1", "west")
}

func TestWatch_IgnoresErrorsAndContents(t *testing.T) {
	h := newHomes(nil)
	refused := answer("application/json", "")
	refused.StatusCode = 404
	if h.Watch("west", "files", refused) != nil || h.Watch("west", "files/file-1/content", answer("application/json", "")) != nil {
		t.Error("it reads what it should not")
	}
}

func FuzzWatch_IsNeverBrokenByAnAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"resp_1","output":[{"id":"rs_1"}]}`), 3)
	f.Add([]byte("data: "+created+"\n\ndata: [DONE]\n\n"), 7)
	f.Fuzz(func(_ *testing.T, body []byte, size int) {
		h := newHomes(nil)
		w := h.Watch("west", "responses", answer("text/event-stream", ""))
		for piece := range slices.Chunk(body, max(size%4096, 1)) {
			w.Write(piece)
		}
		w.Close()
	})
}
