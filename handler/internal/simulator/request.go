package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxRecorded     = 20_000   // requests kept, newest last
	maxRecordedBody = 64 << 10 // a longer body is kept as length and hash only
	maxRecordBytes  = 64 << 20 // bodies kept in all; beyond, the oldest go
	maxLeft         = 1024
)

// Request is one request as the simulator received it. Bodies are kept up to
// 64 KiB each and 64 MiB in all; Length and SHA256 are always of the whole.
type Request struct {
	Time       time.Time   `json:"time"`
	Method     string      `json:"method"`
	Path       string      `json:"path"` // escaped, exactly as received
	Query      string      `json:"query"`
	Header     http.Header `json:"header"`
	Host       string      `json:"host"`
	Deployment string      `json:"deployment"`       // from the path, otherwise the body's model
	Length     int64       `json:"length"`           // bytes of the body that arrived
	SHA256     string      `json:"sha256,omitempty"` // of the body, in hexadecimal
	Body       []byte      `json:"body,omitempty"`   // base64 in JSON
	Stream     bool        `json:"stream"`
}

// describe makes the record of a call. The header is copied, because the
// server's own may be reused once the call is over.
func (c *call) describe() Request {
	q := Request{
		Time: c.arrived, Method: c.r.Method, Path: receivedPath(c.r), Query: c.r.URL.RawQuery,
		Header: c.r.Header.Clone(), Host: c.r.Host, Deployment: c.deployment,
		Length: int64(c.body.Len()), Stream: c.ask.Stream,
	}
	if q.Length > 0 {
		sum := sha256.Sum256(c.body.Bytes())
		q.SHA256 = hex.EncodeToString(sum[:])
	}
	if q.Length <= maxRecordedBody {
		q.Body = slices.Clone(c.body.Bytes())
	}
	return q
}

// receivedPath prefers the request line: url.URL keeps a path's own encoding
// only where it differs from the default one.
func receivedPath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

// record keeps the newest requests in a ring.
type record struct {
	mu       sync.Mutex
	ring     []Request
	added    int // requests ever added; the ring's next place is added modulo its size
	bodies   int // bytes of the bodies that are still kept
	bodyless int // all requests before this one have lost their body
}

func (r *record) add(q Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < maxRecorded {
		r.ring = append(r.ring, q)
	} else {
		r.bodies -= len(r.at(r.added).Body)
		*r.at(r.added) = q
	}
	r.added++
	r.bodies += len(q.Body)
	r.bodyless = max(r.bodyless, r.added-len(r.ring))
	for ; r.bodies > maxRecordBytes; r.bodyless++ {
		r.bodies -= len(r.at(r.bodyless).Body)
		r.at(r.bodyless).Body = nil
	}
}

func (r *record) at(n int) *Request { return &r.ring[n%maxRecorded] }

func (r *record) list() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := 0
	if len(r.ring) == maxRecorded {
		oldest = r.added % maxRecorded
	}
	inOrder := make([]Request, 0, len(r.ring)) // never nil: in JSON nothing is an empty list
	return append(append(inOrder, r.ring[oldest:]...), r.ring[:oldest]...)
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring, r.added, r.bodies, r.bodyless = nil, 0, 0, 0
}

// departures holds the requests whose caller left, in a channel that drops the
// oldest when full.
type departures struct {
	mu sync.Mutex // one sender at a time, so that dropping one makes room for this one
	ch chan Request
}

func (d *departures) add(q Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		select {
		case d.ch <- q:
			return
		default:
			d.drop()
		}
	}
}

func (d *departures) drop() bool {
	select {
	case <-d.ch:
		return true
	default:
		return false
	}
}

func (d *departures) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.drop() {
	}
}
