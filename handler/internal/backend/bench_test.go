package backend_test

import (
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
)

// BenchmarkAttempt is what a request costs here while nothing is wrong.
func BenchmarkAttempt(bench *testing.B) {
	for _, row := range []struct {
		name        string
		shared      bool
		deployments []string
	}{
		{"alone", false, []string{"gpt-5.4-mini"}},
		{"shared", true, []string{"gpt-5.4-mini"}},
		{"shared, two deployments in turn", true, []string{"gpt-5.4-mini", "text-embedding-3-small"}},
	} {
		bench.Run(row.name, func(bench *testing.B) {
			h := backend.NewHealth(2, 10*time.Second, 2*time.Minute)
			if row.shared {
				h.Share(func(int, string, time.Time, backend.Cause) {})
			}
			bench.ReportAllocs()
			for i := 0; bench.Loop(); i++ {
				deployment := row.deployments[i%len(row.deployments)]
				h.Ready(deployment)
				attempt, _ := h.Begin(i&1, deployment)
				attempt.Succeeded()
			}
		})
	}
}
