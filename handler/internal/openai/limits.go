package openai

import (
	"net/http"
	"strconv"
	"strings"
)

// Limits is what an answer says of its backend's limits.
type Limits struct {
	Told                               bool
	RemainingRequests, RemainingTokens int64 // where told: -1 for what is missing
	LimitRequests, LimitTokens         int64
	Utilization                        float64 // of a provisioned deployment, in percent
}

const (
	// mostCounted is more than any count of tokens or requests.
	mostCounted = 1 << 50
	// highestUtilization is more than any: a deployment may burst beyond 100 %.
	highestUtilization = 10_000
)

// RateLimits reads x-ratelimit-remaining-requests and -tokens, x-ratelimit-limit-requests and -tokens, and
// azure-openai-deployment-utilization. What is not a sensible number is ignored.
func RateLimits(h http.Header) Limits {
	l := Limits{
		RemainingRequests: count(h["X-Ratelimit-Remaining-Requests"]),
		RemainingTokens:   count(h["X-Ratelimit-Remaining-Tokens"]),
		LimitRequests:     count(h["X-Ratelimit-Limit-Requests"]),
		LimitTokens:       count(h["X-Ratelimit-Limit-Tokens"]),
		Utilization:       percentage(h["Azure-Openai-Deployment-Utilization"]),
	}
	if l.RemainingRequests < 0 && l.RemainingTokens < 0 && l.LimitRequests < 0 && l.LimitTokens < 0 && l.Utilization < 0 {
		return Limits{}
	}
	l.Told = true
	return l
}

func count(values []string) int64 {
	if len(values) == 0 {
		return -1
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 || n > mostCounted {
		return -1
	}
	return n
}

func percentage(values []string) float64 {
	if len(values) == 0 {
		return -1
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(values[0], "%")), 64)
	if err != nil || !(f >= 0 && f <= highestUtilization) { // not a number is neither
		return -1
	}
	return f
}
