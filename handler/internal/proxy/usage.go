package proxy

import (
	"io"
	"net/http"
	"strings"

	"aoai-balancer/handler/internal/openai"
)

const (
	// packedUsage bounds the bytes of an answer encoded with gzip that are kept until it is over.
	packedUsage = 64 << 10
	// unpackedUsage bounds what becomes of them.
	unpackedUsage = 1 << 20
)

// tally reads, as an answer passes, how many tokens it took. It neither changes nor holds back a byte: what has to be
// unpacked is kept until all of it has passed. The zero value reads nothing.
type tally struct {
	reads    bool
	encoding string
	packed   []byte
	reader   openai.UsageReader
}

// newTally: only an answer of a model tells what a call took. What is asked for again later, such as a stored response,
// would count twice.
func newTally(method string, target openai.Target, resp *http.Response) tally {
	if method != http.MethodPost || resp.StatusCode != http.StatusOK || !target.IsInference() {
		return tally{}
	}
	encoding, kind := resp.Header.Get("Content-Encoding"), resp.Header.Get("Content-Type")
	return tally{
		reads:    (encoding == "" || encoding == "gzip") && (strings.HasPrefix(kind, "application/json") || isEvents(resp.Header)),
		encoding: encoding,
	}
}

func (t *tally) Write(p []byte) {
	switch {
	case !t.reads:
	case t.encoding == "":
		_, _ = t.reader.Write(p)
	case len(t.packed)+len(p) > packedUsage:
		*t = tally{}
	default:
		t.packed = append(t.packed, p...)
	}
}

// usage is what the answer told. It is called when the last byte has passed.
func (t *tally) usage() openai.Usage {
	if len(t.packed) > 0 {
		_, _ = io.Copy(&t.reader, io.LimitReader(unpack(t.packed), unpackedUsage))
	}
	return t.reader.Usage()
}
