package replay

import (
	"io"
	"net/http"
	"os"
	"sync"
)

// Body is a request's body that can be read any number of times. It is safe for concurrent use.
type Body struct {
	pool   *Pool
	length int64

	buffer   *buffer  // where it is in memory
	file     *os.File // where it is not
	reserved int64    // bytes taken from the disk's budget

	mu      sync.Mutex
	holders int // the owner and every open reader
	closed  bool
}

// Len is the body's length in bytes.
func (b *Body) Len() int64 { return b.length }

// Open gives a reader from the body's first byte on. Each has its own place, any number may be open at once, and each
// must be closed: who sends a request closes its body. A reader that is closed while another goroutine reads it fails there,
// as does any opened after [Body.Close]: its error is http.ErrBodyReadAfterClose. The reader of an empty body is http.NoBody.
func (b *Body) Open() io.ReadCloser {
	if b.length == 0 {
		return http.NoBody
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return &reader{}
	}
	b.holders++
	return &reader{body: b}
}

// Close ends the owner's use of the body; a second call does nothing. Its room is given back once every opened reader is
// closed too: a body may still be being sent when its answer is here.
func (b *Body) Close() error {
	b.mu.Lock()
	if b.closed || b.pool == nil {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.mu.Unlock()
	return b.leave()
}

// leave ends one holder's use. The last one gives the room back.
func (b *Body) leave() error {
	b.mu.Lock()
	b.holders--
	last := b.holders == 0
	b.mu.Unlock()
	if !last {
		return nil
	}
	return b.release()
}

func (b *Body) release() error {
	if b.buffer != nil {
		b.pool.giveBuffer(b.buffer)
		b.buffer = nil
	}
	var err error
	if b.file != nil {
		err = closeTemp(b.file)
		b.file = nil
		b.pool.files.give(1)
	}
	b.pool.disk.give(b.reserved)
	b.reserved = 0
	return err
}

// readAt reads from a place before the end.
func (b *Body) readAt(p []byte, at int64) (int, error) {
	if b.buffer != nil {
		return copy(p, b.buffer.bytes[at:b.length]), nil
	}
	n, err := b.file.ReadAt(p[:min(int64(len(p)), b.length-at)], at)
	if err == io.EOF && at+int64(n) < b.length {
		err = io.ErrUnexpectedEOF // the file is shorter than what was written to it
	}
	return n, err
}

// reader is one reading of a body. The lock makes Close wait for a Read under way: the buffer may be another request's
// a moment later.
type reader struct {
	mu   sync.Mutex
	body *Body // nil once closed
	at   int64
}

func (r *reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.body == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.at == r.body.length {
		return 0, io.EOF
	}
	n, err := r.body.readAt(p, r.at)
	r.at += int64(n)
	return n, err
}

// WriteTo gives all of a body in memory away at once.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	if r.body == nil || r.body.buffer == nil {
		r.mu.Unlock()
		return io.Copy(w, struct{ io.Reader }{r})
	}
	defer r.mu.Unlock()
	n, err := w.Write(r.body.buffer.bytes[r.at:r.body.length])
	r.at += int64(n)
	return int64(n), err
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.body
	r.body = nil
	if b == nil {
		return nil
	}
	return b.leave()
}
