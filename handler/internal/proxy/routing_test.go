package proxy_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

// tiers makes the backends' priorities.
func tiers(priorities ...int) setting {
	return func(_ *rig, p *plan) {
		for i, b := range p.backends {
			b.Priority = priorities[i]
		}
	}
}

// weights makes the backends' weights.
func weights(all ...int) setting {
	return func(_ *rig, p *plan) {
		for i, b := range p.backends {
			b.Weight = all[i]
		}
	}
}

// counts is how many calls each backend has had.
func (r *rig) counts() []int64 {
	all := make([]int64, len(r.backends))
	for i, b := range r.backends {
		all[i] = b.Calls()
	}
	return all
}

// steady makes calls a hundred times a second for a while; each has to be served.
func (r *rig) steady(during time.Duration) {
	r.t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		r.want200(r.ask())
	}
}

func TestTiers_OnlyTheOverflowGoesToTheNextAndAllIsBackAfterwards(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.steady(time.Second)
		r.wantCalls(100, 0, 0)
		r.backends[0].Script(simulator.Step{Status: http.StatusTooManyRequests, Header: map[string]string{"retry-after-ms": "1000"}})
		r.steady(time.Second)
		t.Logf("while the first tier throttles for 1 s: %v", r.counts())
		r.wantCalls(101, 50, 50) // one call met the 429
		r.steady(time.Second)
		t.Logf("a second later: %v", r.counts())
		r.wantCalls(201, 50, 50)
	}, tiers(1, 2, 2))
}

func TestCooling_ItsShareSpreadsEvenlyOverTheRest(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.backends[1].Script(throttle(time.Minute))
		r.steady(time.Second)
		before := r.counts()
		r.steady(3 * time.Second)
		after := r.counts()
		t.Logf("300 calls while one of three cools: %d, %d, %d", after[0]-before[0], after[1]-before[1], after[2]-before[2])
		if after[0]-before[0] != 150 || after[2]-before[2] != 150 || after[1] != before[1] {
			t.Error("the others do not share evenly")
		}
	})
}

func TestWeights_AreExactOverWholeCyclesAndZeroDrains(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for range 400 {
			r.want200(r.ask())
		}
		r.wantCalls(300, 100, 0)
	}, weights(3, 1, 0))
}

func TestNames_UnusualDeploymentsReachTheBackendWithAndWithoutAMap(t *testing.T) {
	names := []string{"chat", "openai", "grüner tee", "a/b"}
	renamed := map[string]string{"chat": "openai", "openai": "chat", "grüner tee": "thé vert", "a/b": "deployments"}
	inBubble(t, 2, func(r *rig) {
		for _, name := range names {
			path := "/openai/deployments/" + url.PathEscape(name) + "/chat/completions"
			for range 2 {
				r.want200(r.post(path+"?api-version=1", question))
			}
			plain, mapped := r.backends[0].Received(), r.backends[1].Received()
			if got := plain[len(plain)-1].Path; got != path {
				t.Errorf("%s reached the backend without a map as %s", path, got)
			}
			if got, want := mapped[len(mapped)-1].Path, "/openai/deployments/"+url.PathEscape(renamed[name])+"/chat/completions"; got != want {
				t.Errorf("%s reached the backend with a map as %s, want %s", path, got, want)
			}
		}
	}, func(_ *rig, p *plan) { p.backends[1].Deployments = renamed })
}
