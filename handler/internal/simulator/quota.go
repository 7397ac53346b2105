package simulator

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// quota counts one deployment's use in fixed windows. A window opens with the
// first call that finds none open, so a limit of n lets exactly n calls
// through, then none until the window has passed. (Azure counts in windows of
// 1 to 60 s that it does not document exactly; Options.Window sets ours.)
// A refused call uses nothing up.
type quota struct {
	Deployment
	window      time.Duration
	maxRequests int
	maxTokens   int

	mu       sync.Mutex
	opened   time.Time
	requests int
	tokens   int
}

// verdict is what a quota says about one call. The remains are -1 where there
// is no limit.
type verdict struct {
	wait           time.Duration // 0: admitted
	limit          string        // which limit refused: "call" or "token"
	requests       int           // limits
	tokens         int
	requestsRemain int
	tokensRemain   int
}

func newQuota(d Deployment, window time.Duration) *quota {
	return &quota{
		Deployment: d, window: window,
		maxRequests: shareOfMinute(d.RequestsPerMinute, window),
		maxTokens:   shareOfMinute(d.TokensPerMinute, window),
	}
}

func shareOfMinute(perMinute int, window time.Duration) int {
	if perMinute <= 0 {
		return 0
	}
	return max(1, int(float64(perMinute)*window.Minutes()))
}

func (q *quota) admit(now time.Time, tokens int) verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.opened) >= q.window {
		q.opened, q.requests, q.tokens = now, 0, 0
	}
	v := verdict{requests: q.maxRequests, tokens: q.maxTokens}
	switch {
	case q.maxRequests > 0 && q.requests+1 > q.maxRequests:
		v.limit = "call"
	case q.maxTokens > 0 && q.tokens+tokens > q.maxTokens:
		v.limit = "token"
	default:
		q.requests++
		q.tokens += tokens
	}
	if v.limit != "" {
		v.wait = q.opened.Add(q.window).Sub(now)
	}
	v.requestsRemain = remains(q.maxRequests, q.requests)
	v.tokensRemain = remains(q.maxTokens, q.tokens)
	return v
}

func remains(limit, used int) int {
	if limit <= 0 {
		return -1
	}
	return limit - used
}

// unlimited is what a deployment without limits reports, for Azure always
// reports something.
const (
	unlimitedRequests = 9_999
	unlimitedTokens   = 9_999_999
)

// setHeaders reports the verdict in Azure's headers. A refusal carries the wait
// in seconds, rounded up, and in milliseconds, rounded up.
func (v verdict) setHeaders(h http.Header) {
	setRate(h, "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", v.requests, v.requestsRemain, unlimitedRequests)
	setRate(h, "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", v.tokens, v.tokensRemain, unlimitedTokens)
	if v.wait <= 0 {
		return
	}
	seconds := strconv.Itoa(roundUp(v.wait, time.Second))
	h.Set("Retry-After", seconds)
	h.Set("Retry-After-Ms", strconv.Itoa(roundUp(v.wait, time.Millisecond)))
	if v.limit == "call" {
		h.Set("X-Ratelimit-Reset-Requests", seconds)
	} else {
		h.Set("X-Ratelimit-Reset-Tokens", seconds)
	}
}

func setRate(h http.Header, limitName, remainName string, limit, remain, unlimited int) {
	if remain < 0 {
		limit, remain = unlimited+1, unlimited
	}
	h[limitName] = []string{strconv.Itoa(limit)}
	h[remainName] = []string{strconv.Itoa(remain)}
}

func roundUp(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
