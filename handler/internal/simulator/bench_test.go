package simulator_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/simulator"
)

// nowhere is a response writer that keeps nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header         { return w.header }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}
func (w nowhere) Flush()                      {}

func BenchmarkSimulator(b *testing.B) {
	for name, body := range map[string]string{"chat": question, "stream": streaming} {
		for recording, o := range map[string]simulator.Options{"recorded": {}, "unrecorded": {NoRecord: true}} {
			b.Run(name+"/"+recording, func(b *testing.B) {
				s := simulator.New(o)
				r := httptest.NewRequest("POST", chatPath, nil)
				r.Header.Set("api-key", "k1")
				r.Header.Set("Content-Type", "application/json")
				reader := strings.NewReader(body)
				r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
				b.ReportAllocs()
				for b.Loop() {
					reader.Reset(body)
					s.ServeHTTP(nowhere{header: http.Header{}}, r)
				}
			})
		}
	}
}
