package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
	"aoai-balancer/handler/internal/status"
)

// look gets a path of the process as an operator does.
func look(ctx context.Context, t *testing.T, url string) (code int, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func statusOf(ctx context.Context, t *testing.T, base, query string) status.Document {
	t.Helper()
	code, body := look(ctx, t, base+"/status.json"+query)
	var d status.Document
	if err := json.Unmarshal(body, &d); err != nil || code != http.StatusOK {
		t.Fatalf("%d, %v: %s", code, err, body)
	}
	return d
}

func TestStatus_TwoProcessesOnOneTableEachShowBoth(t *testing.T) {
	const calls = 30
	ctx := bounded(t, 2*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	settings := stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString())
	both := []*stack.Process{startHandler(ctx, t, settings), startHandler(ctx, t, settings)}
	for range calls {
		for _, p := range both {
			mustServe(ctx, t, p.URL)
		}
	}
	for _, p := range both {
		began, d := time.Now(), status.Document{}
		err := stack.Until(ctx, func() bool {
			d = statusOf(ctx, t, p.URL, "")
			return d.Answers.OK == 2*calls
		})
		if err != nil || len(d.Fleet.Instances) != 2 || d.Recent.OK != 2*calls {
			t.Fatalf("%v: it shows %+v of %+v", err, d.Answers, d.Fleet)
		}
		shown := d.Deployments[0].Backends
		t.Logf("%s shows %d instances and %d calls after %v: %s %d, %s %d, share %.2f of an intended %.2f", d.Instance.ID, len(d.Fleet.Instances),
			d.Answers.OK, time.Since(began).Round(time.Millisecond), shown[0].Name, shown[0].Total.Served, shown[1].Name, shown[1].Total.Served,
			*shown[0].Share, shown[0].IntendedShare)
		if shown[0].Total.Served+shown[1].Total.Served != 2*calls {
			t.Errorf("the backends' shares do not add up: %+v", shown)
		}
		if own := statusOf(ctx, t, p.URL, "?scope=instance"); own.Answers.OK != calls {
			t.Errorf("%s itself answered %d calls of %d", own.Instance.ID, own.Answers.OK, calls)
		}
	}
}

func TestStatus_ShowsACooldownThatTheBackendAskedFor(t *testing.T) {
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{Words: 1})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
	westeurope.Script(simulator.Step{Status: http.StatusTooManyRequests, Header: map[string]string{"retry-after-ms": "30000"}})
	mustSee(ctx, t, p, func(a answer) bool { return a.header.Get("x-aoai-attempts") == "2" })
	d := statusOf(ctx, t, p.URL, "")
	throttled, other := d.Deployments[0].Backends[0], d.Deployments[0].Backends[1]
	got := fmt.Sprint(throttled.State, " ", throttled.Cause, " ", other.State, " ", d.Answers.Failovers, " ", throttled.Recent.Throttled)
	if got != "cooling throttled ready 1 1" || throttled.RemainingMS < 20_000 || throttled.RemainingMS > 30_000 {
		t.Errorf("%s, %d ms left", got, throttled.RemainingMS)
	}
}
