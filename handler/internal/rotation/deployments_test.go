package rotation_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// What a call costs must not grow with the deployments that share a process.
func TestTake_ClaimsOfAProcessStayFewHoweverManyDeployments(t *testing.T) {
	const perSecond, settle, run = 2000, 2 * time.Minute, time.Minute
	for _, deployments := range []int{1, 100, 1000} {
		synctest.Test(t, func(t *testing.T) {
			r := rows{}
			for n := range deployments {
				r[strconv.Itoa(n)] = newRow()
			}
			operations := func() (sum int) {
				for _, row := range r {
					sum += row.operations()
				}
				return sum
			}
			p := newProcess(t, r)
			before := 0
			for n := range int((settle + run).Seconds()) * perSecond {
				if n == int(settle.Seconds())*perSecond {
					before = operations()
				}
				p.Take(t.Context(), strconv.Itoa(n%deployments))
				time.Sleep(time.Second / perSecond)
			}
			each := float64(operations()-before) / run.Seconds()
			t.Logf("%d deployments: %.1f row operations/s", deployments, each)
			if each > 100 {
				t.Errorf("%d deployments need %.1f row operations/s, want at most 100", deployments, each)
			}
		})
	}
}
