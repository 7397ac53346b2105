package proxy_test

import (
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// TestOverload_CostsFewAttemptsAServedCall offers 300 calls a second to backends that take 200 together: what cannot be
// served is refused quickly and does not multiply.
func TestOverload_CostsFewAttemptsAServedCall(t *testing.T) {
	for name, window := range map[string]time.Duration{"windows of 1 s": time.Second, "windows of 5 s": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 0, func(r *rig) {
				const offered = 3000
				answers := offer(r, 300, offered)
				served := answers[200]
				attempts := r.backends[0].Calls() + r.backends[1].Calls()
				t.Logf("offered %d, served %d, refused %d, attempts %d: %.2f a served call", offered, served, answers[429], attempts, float64(attempts)/float64(served))
				if served < offered*2/3*9/10 || served+answers[429] != offered {
					t.Errorf("answers: %v", answers)
				}
				if attempts > int64(4*served) {
					t.Errorf("%d attempts for %d served calls", attempts, served)
				}
			}, limited(100*60, window))
		})
	}
}

// offer makes n calls, so many a second, and counts the answers by status.
func offer(r *rig, perSecond, n int) map[int]int {
	answers := make(chan int, n)
	for range n {
		go func() { answers <- r.ask().status }()
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	count := map[int]int{}
	for range n {
		count[<-answers]++
	}
	return count
}

// limited adds two backends with a limit on requests a minute.
func limited(perMinute int, window time.Duration) setting {
	return func(r *rig, p *plan) {
		for _, name := range []string{"a", "b"} {
			r.add(p, name, simulator.Options{
				Name: name, Window: window, NoRecord: true,
				Deployments: []simulator.Deployment{{Name: "gpt", RequestsPerMinute: perMinute}},
			})
		}
	}
}
