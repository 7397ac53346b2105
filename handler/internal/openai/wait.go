package openai

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait bounds what a header can say before it is capped by configuration: Azure has been seen to answer a day,
// and a number may be absurd.
const longestWait = 366 * 24 * time.Hour

// Wait reads how long a backend asks to be left alone: the first of retry-after-ms, Retry-After (seconds, fractions
// or an HTTP date) and the smaller of x-ratelimit-reset-requests and -tokens that gives a time to come.
func Wait(h http.Header, now time.Time) (time.Duration, bool) {
	if d, ok := RetryAfter(h, now); ok {
		return d, true
	}
	requests, okRequests := reset(h.Get("X-Ratelimit-Reset-Requests"))
	tokens, okTokens := reset(h.Get("X-Ratelimit-Reset-Tokens"))
	if okRequests && (!okTokens || requests < tokens) {
		return requests, true
	}
	return tokens, okTokens
}

// RetryAfter reads how long to stay away for whatever reason: the first of retry-after-ms and Retry-After that gives a
// time to come.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if d, ok := number(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d, true
	}
	return retryAfter(h.Get("Retry-After"), now)
}

func retryAfter(value string, now time.Time) (time.Duration, bool) {
	if d, ok := number(value, time.Second); ok {
		return d, true
	}
	if value == "" { // most often, and what is parsed in vain makes an error
		return 0, false
	}
	at, err := http.ParseTime(strings.TrimSpace(value))
	if err != nil || !at.After(now) {
		return 0, false
	}
	return min(at.Sub(now), longestWait), true
}

// reset reads the forms in use: "6m0s", "20ms", "11.1" and "300" (seconds).
func reset(value string) (time.Duration, bool) {
	if d, ok := number(value, time.Second); ok {
		return d, true
	}
	if value == "" {
		return 0, false
	}
	d, err := time.ParseDuration(strings.TrimSpace(value))
	if err != nil || d <= 0 {
		return 0, false
	}
	return min(d, longestWait), true
}

// number accepts only what is more than nothing: "0" names no time to come.
func number(value string, unit time.Duration) (time.Duration, bool) {
	if value == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || math.IsNaN(f) || f <= 0 {
		return 0, false
	}
	if f >= float64(longestWait/unit) {
		return longestWait, true
	}
	return max(time.Duration(f*float64(unit)), 1), true
}
