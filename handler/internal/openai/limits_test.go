package openai_test

import (
	"net/http"
	"testing"

	"aoai-balancer/handler/internal/openai"
)

func TestRateLimits_ReadsWhatIsToldAndNothingElse(t *testing.T) {
	for _, row := range []struct {
		name   string
		header map[string]string
		want   openai.Limits
	}{
		{"nothing", map[string]string{"Retry-After": "1"}, openai.Limits{}},
		{"a standard deployment", map[string]string{
			"x-ratelimit-remaining-requests": "99", "x-ratelimit-remaining-tokens": "0",
			"x-ratelimit-limit-requests": "100", "x-ratelimit-limit-tokens": "100000",
		}, openai.Limits{Told: true, RemainingRequests: 99, RemainingTokens: 0, LimitRequests: 100, LimitTokens: 100_000, Utilization: -1}},
		{"remaining alone", map[string]string{"x-ratelimit-remaining-tokens": "7"},
			openai.Limits{Told: true, RemainingRequests: -1, RemainingTokens: 7, LimitRequests: -1, LimitTokens: -1, Utilization: -1}},
		{"a provisioned deployment", map[string]string{"azure-openai-deployment-utilization": "12.3%"},
			openai.Limits{Told: true, RemainingRequests: -1, RemainingTokens: -1, LimitRequests: -1, LimitTokens: -1, Utilization: 12.3}},
		{"a number without a sign, beyond the whole", map[string]string{"azure-openai-deployment-utilization": "104"},
			openai.Limits{Told: true, RemainingRequests: -1, RemainingTokens: -1, LimitRequests: -1, LimitTokens: -1, Utilization: 104}},
		{"no numbers", map[string]string{
			"x-ratelimit-remaining-requests": "-1", "x-ratelimit-remaining-tokens": "99999999999999999999",
			"x-ratelimit-limit-requests": "many", "x-ratelimit-limit-tokens": "1e3", "azure-openai-deployment-utilization": "NaN%",
		}, openai.Limits{}},
	} {
		h := http.Header{}
		for name, value := range row.header {
			h.Set(name, value)
		}
		if got := openai.RateLimits(h); got != row.want {
			t.Errorf("%s: %+v", row.name, got)
		}
	}
}

func FuzzRateLimits_NamesOnlySensibleNumbers(f *testing.F) {
	f.Add("12", "99.5%")
	f.Add("-1", "Inf")
	f.Fuzz(func(t *testing.T, n, percentage string) {
		h := http.Header{}
		h.Set("x-ratelimit-remaining-tokens", n)
		h.Set("azure-openai-deployment-utilization", percentage)
		l := openai.RateLimits(h)
		if l.Told && (l.RemainingTokens < -1 || l.RemainingTokens > 1<<50 || !(l.Utilization == -1 || (l.Utilization >= 0 && l.Utilization <= 10_000))) {
			t.Errorf("%q, %q: %+v", n, percentage, l)
		}
	})
}

func BenchmarkRateLimits(b *testing.B) {
	none, told := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"x"}}, http.Header{}
	told.Set("x-ratelimit-remaining-requests", "99")
	told.Set("x-ratelimit-remaining-tokens", "99000")
	for name, h := range map[string]http.Header{"none": none, "told": told} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				openai.RateLimits(h)
			}
		})
	}
}
