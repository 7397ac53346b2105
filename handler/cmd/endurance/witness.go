package main

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"io"
	"net"
	"net/http"
)

// sum is the SHA-256 of a body.
type sum [sha256.Size]byte

func sumOf(h hash.Hash) (s sum) {
	h.Sum(s[:0])
	return s
}

// witness stands before a backend and tells the ledger what arrived and what was answered.
type witness struct {
	ledger   *ledger
	backend  string
	resource http.Handler
}

// attempt is a call as one backend saw it.
type attempt struct {
	backend string
	got     sum  // of the request's body
	gotAll  bool // it was read to its end
	gave    sum  // of the answer's body
	whole   bool // the answer came to its end
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	id := traceOf(r.Header.Get("Traceparent"))
	w.ledger.attemptBegan(id)
	body := &watchedBody{ReadCloser: r.Body, hash: sha256.New()}
	answer := &watchedAnswer{ResponseWriter: out, hash: sha256.New()}
	r.Body = body
	ended := false
	defer func() { // also where a step breaks the connection, which is a panic
		w.ledger.attemptEnded(id, attempt{
			backend: w.backend, got: sumOf(body.hash), gotAll: body.ended, gave: sumOf(answer.hash),
			whole: ended && !answer.taken && r.Context().Err() == nil,
		})
	}()
	w.resource.ServeHTTP(answer, r)
	ended = true
}

// traceOf takes the trace id out of a traceparent.
func traceOf(traceparent string) string {
	if len(traceparent) < 35 {
		return ""
	}
	return traceparent[3:35]
}

// watchedBody sums up what is read of a request.
type watchedBody struct {
	io.ReadCloser
	hash  hash.Hash
	ended bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	_, _ = b.hash.Write(p[:n])
	b.ended = b.ended || err == io.EOF
	return n, err
}

// watchedAnswer sums up what is written of an answer.
type watchedAnswer struct {
	http.ResponseWriter
	hash  hash.Hash
	taken bool // the connection, to be reset
}

func (a *watchedAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *watchedAnswer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	_, _ = a.hash.Write(p[:n])
	return n, err
}

// Hijack implements http.Hijacker.
func (a *watchedAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.taken = true
	return http.NewResponseController(a.ResponseWriter).Hijack()
}
