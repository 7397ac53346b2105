package proxy_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
)

func TestRotation_CallsTakeTurnsExactly(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for i := range 10 {
			r.want(r.ask(), 200, string(rune('a'+i%2)), "1")
		}
		r.wantCalls(5, 5)
	})
}

// Every row scripts what backend a answers to the first call. next says whether the call moves on, back how long a is
// skipped after it.
func TestOutcome_EachRowOfTheTable(t *testing.T) {
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	for name, row := range map[string]struct {
		step    simulator.Step
		status  int
		outcome string
		back    time.Duration
	}{
		"400 content filter is the caller's": {simulator.Step{Status: 400}, 400, "rejected", 0},
		"400 of foreign content":             {simulator.Step{Status: 400, Body: `{"error":{"code":"invalid_encrypted_content"}}`}, 200, "foreign_content ok", 0},
		"400 of foreign content, older":      {simulator.Step{Status: 400, Body: `{"error":{"message":"The encrypted content for item rs_1 could not be verified.","code":null}}`}, 200, "foreign_content ok", 0},
		"404 of a resource is the caller's":  {simulator.Step{Status: 404, Body: `{"error":{"code":"404"}}`}, 404, "rejected", 0},
		"405":                                {simulator.Step{Status: 405}, 405, "rejected", 0},
		"409":                                {simulator.Step{Status: 409}, 409, "rejected", 0},
		"413":                                {simulator.Step{Status: 413}, 413, "rejected", 0},
		"415":                                {simulator.Step{Status: 415}, 415, "rejected", 0},
		"422":                                {simulator.Step{Status: 422}, 422, "rejected", 0},
		"302 is an answer":                   {simulator.Step{Status: 302, Header: header("Location", "/x")}, 302, "ok", 0},
		"404 DeploymentNotFound":             {simulator.Step{Status: 404, Body: `{"error":{"code":"DeploymentNotFound"}}`}, 200, "deployment_missing ok", 5 * time.Minute},
		"410":                                {simulator.Step{Status: 410}, 200, "deployment_missing ok", 5 * time.Minute},
		"401":                                {simulator.Step{Status: 401}, 200, "unauthorized ok", time.Minute},
		"403":                                {simulator.Step{Status: 403}, 200, "unauthorized ok", time.Minute},
		"408":                                {simulator.Step{Status: 408}, 200, "failed ok", 0},
		"429 without a hint":                 {simulator.Step{Status: 429}, 200, "throttled ok", 10 * time.Second},
		"429 retry-after-ms":                 {simulator.Step{Status: 429, Header: header("retry-after-ms", "2500")}, 200, "throttled ok", 2500 * time.Millisecond},
		"429 Retry-After in seconds":         {simulator.Step{Status: 429, Header: header("Retry-After", "7")}, 200, "throttled ok", 7 * time.Second},
		"429 Retry-After of a day is capped": {simulator.Step{Status: 429, Header: header("Retry-After", "86400")}, 200, "throttled ok", 2 * time.Minute},
		"429 x-ratelimit-reset-tokens":       {simulator.Step{Status: 429, Header: header("x-ratelimit-reset-tokens", "1m")}, 200, "throttled ok", time.Minute},
		"429 garbage in headers":             {simulator.Step{Status: 429, Header: header("Retry-After", "soon-ish")}, 200, "throttled ok", 10 * time.Second},
		"500":                                {simulator.Step{Status: 500}, 200, "failed ok", 0},
		"502":                                {simulator.Step{Status: 502}, 200, "failed ok", 0},
		"503 with Retry-After":               {simulator.Step{Status: 503, Header: header("Retry-After", "3")}, 200, "failed ok", 3 * time.Second},
		"503 without":                        {simulator.Step{Status: 503}, 200, "failed ok", 0},
		"reset before headers":               {simulator.Step{Reset: true}, 200, "reset ok", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(r *rig) {
				r.client.CheckRedirect = neverFollow
				r.backends[0].Script(row.step)
				if got := r.ask(); got.status != row.status {
					t.Errorf("the caller got %d: %s", got.status, got.body)
				}
				if got := r.outcomes(); got != row.outcome {
					t.Errorf("attempts: %s", got)
				}
				wantBack(t, r, row.back)
				if got := r.cooldown(); got != row.back {
					t.Errorf("the log says that it cools for %v", got)
				}
			})
		})
	}
}

// cooldown is what the log says that the first attempt of the last request began.
func (r *rig) cooldown() time.Duration {
	ms, _ := r.last()["attempts"].([]any)[0].(map[string]any)["cooldown_ms"].(float64)
	return time.Duration(ms * float64(time.Millisecond))
}

func TestOutcome_TheLogSaysThatABreakerOpened(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Times: 3, Status: 500})
		var cooldowns []time.Duration
		for range 3 {
			r.want(r.ask(), 200, "b", "2")
			cooldowns = append(cooldowns, r.cooldown())
			r.want(r.ask(), 200, "b", "1")
		}
		if !slices.Equal(cooldowns, []time.Duration{0, 0, 10 * time.Second}) {
			t.Errorf("it cools for %v", cooldowns)
		}
	})
}

// wantBack checks that backend a is skipped for exactly that long.
func wantBack(t *testing.T, r *rig, wait time.Duration) {
	t.Helper()
	block := r.health.Blocks("gpt")[0]
	left := max(0, time.Until(block.Until))
	if left != wait {
		t.Errorf("skipped for %v, want %v", left, wait)
	}
}

func neverFollow(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func TestOutcome_AMissingDeploymentThatThePathDoesNotNameCoolsNothing(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.backends[0].Script(simulator.Step{Status: 404, Body: `{"error":{"code":"DeploymentNotFound"}}`})
		r.want(r.do(r.request(r.t.Context(), http.MethodPost, "/openai/v1/chat/completions", `{"model":"gpt",`+question[1:])), 200, "b", "2")
		if ready := r.health.Ready("*"); ready != 0b11 {
			t.Errorf("ready: %b", ready)
		}
	})
}
