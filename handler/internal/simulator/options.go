package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Options say what a simulated Azure OpenAI resource is. The zero value is a
// resource named "simulator" where every deployment exists without a limit and
// any credential is accepted.
type Options struct {
	Name        string            // shown in answers: header x-simulator-backend and the completion's text
	Deployments []Deployment      // empty: every deployment name exists, unlimited
	Keys        []string          // accepted api-key values; empty with Tokens empty: any non-empty api-key or bearer token
	Tokens      []string          // accepted bearer tokens; a resource with Keys alone refuses bearers, one with tokens alone refuses keys
	ValidToken  func(string) bool // accepts bearer tokens beside Tokens, such as those of a Vault; may be nil
	TokenDelay  time.Duration     // between the events of a stream
	FirstDelay  time.Duration     // before the headers of any answer
	Words       int               // length of an answer in tokens, one content event each; default 8, at most 4096
	Window      time.Duration     // over which limits are counted; default one minute; a shorter one allows its share
	NoRecord    bool              // Received stays empty: for benchmarks
}

// Deployment is a model deployment of the resource. A limit of 0 is none.
type Deployment struct {
	Name              string
	Model             string // the model in answers; default: the deployment's name
	RequestsPerMinute int
	TokensPerMinute   int // prompt words plus the longest answer asked for, as Azure estimates before it answers
}

const (
	defaultWords = 8
	maxWords     = 4096
)

func (o Options) withDefaults() Options {
	o.Name = cmp.Or(o.Name, "simulator")
	o.Words = min(max(cmp.Or(o.Words, defaultWords), 1), maxWords)
	if o.Window <= 0 {
		o.Window = time.Minute
	}
	return o
}

// keyring is what the resource accepts as a credential.
type keyring struct {
	keys, tokens []string
	valid        func(token string) bool
}

// refusal is the body for a request whose credential is not accepted, "" for
// one that is. With both credentials present the key decides.
func (k *keyring) refusal(h http.Header) string {
	if key := h.Get("Api-Key"); key != "" {
		if k.open() || slices.Contains(k.keys, key) {
			return ""
		}
		return invalidKeyBody
	}
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return invalidKeyBody
	}
	if k.open() || slices.Contains(k.tokens, token) || k.valid != nil && k.valid(token) {
		return ""
	}
	return invalidTokenBody
}

// open says that any credential will do.
func (k *keyring) open() bool {
	return len(k.keys) == 0 && len(k.tokens) == 0 && k.valid == nil
}
