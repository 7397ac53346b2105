package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// maxControlBody bounds a control request's body.
const maxControlBody = 8 << 20

// WithControl is the resource and, under /simulator/, its remote control. It is no http.ServeMux, which would redirect
// the unusual paths that tests send.
func (o *OpenAI) WithControl() http.Handler {
	control := o.Control()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/simulator/") {
			control.ServeHTTP(w, r)
			return
		}
		o.ServeHTTP(w, r)
	})
}

// Control is the remote control for tests in another process. It asks for no
// credential: serve it on a loopback address only.
//
//	POST   /simulator/script    a JSON list of steps, see Step.UnmarshalJSON: 204, or 400 with the reason
//	GET    /simulator/received  Received as a JSON list
//	DELETE /simulator/received  Forget: 204
//	GET    /simulator/left      the requests that Left holds, as a JSON list; they are taken out
//	GET    /simulator/calls     {"calls": n}
//	PUT    /simulator/keys      a JSON list of strings for SetKeys: 204
func (o *OpenAI) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /simulator/script", func(w http.ResponseWriter, r *http.Request) {
		var steps []Step
		if readControl(w, r, &steps) {
			o.Script(steps...)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	mux.HandleFunc("GET /simulator/received", func(w http.ResponseWriter, _ *http.Request) {
		writeControl(w, o.Received())
	})
	mux.HandleFunc("DELETE /simulator/received", func(w http.ResponseWriter, _ *http.Request) {
		o.Forget()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /simulator/left", func(w http.ResponseWriter, _ *http.Request) {
		writeControl(w, o.takeLeft())
	})
	mux.HandleFunc("GET /simulator/calls", func(w http.ResponseWriter, _ *http.Request) {
		writeControl(w, map[string]int64{"calls": o.Calls()})
	})
	mux.HandleFunc("PUT /simulator/keys", func(w http.ResponseWriter, r *http.Request) {
		var keys []string
		if readControl(w, r, &keys) {
			o.SetKeys(keys...)
			w.WriteHeader(http.StatusNoContent)
		}
	})
	return mux
}

func (o *OpenAI) takeLeft() []Request {
	taken := []Request{}
	for {
		select {
		case q := <-o.left.ch:
			taken = append(taken, q)
		default:
			return taken
		}
	}
}

// readControl decodes the one JSON value of the body, or answers 400.
func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func writeControl(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", jsonType)
	// An error here is the reader's leaving: nobody is left to tell.
	_ = json.NewEncoder(w).Encode(v)
}
