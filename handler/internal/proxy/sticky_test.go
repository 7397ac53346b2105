package proxy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"aoai-balancer/handler/internal/backend"
	"aoai-balancer/handler/internal/simulator"
)

func stickyBy(field string) setting {
	return func(_ *rig, p *plan) { p.options.StickyKey = field }
}

// served is who serves a chat call of each of many users.
func (r *rig) served(users int) []string {
	r.t.Helper()
	names := make([]string, users)
	for i := range users {
		got := r.post(chat, fmt.Sprintf(`{"messages":[],"user":"u%d"}`, i))
		names[i] = got.header.Get("x-aoai-backend")
	}
	return names
}

func TestSticky_EqualValuesPreferTheSameBackendWhileItIsReady(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		before := r.served(40)
		if again := r.served(40); !slices.Equal(before, again) {
			t.Errorf("%v\n%v", before, again)
		}
		r.backends[0].Script(simulator.Step{Times: 1, Status: 429, Header: map[string]string{"retry-after-ms": "60000"}})
		for i, name := range r.served(40) {
			if before[i] != "a" && name != before[i] {
				t.Errorf("user %d moved from %s to %s", i, before[i], name)
			}
			if name == "a" {
				t.Errorf("user %d met the backend in cooldown", i)
			}
		}
		if block := r.health.Blocks("gpt")[0]; block.Cause != backend.Throttled {
			t.Errorf("backend a is %v", block.Cause)
		}
		time.Sleep(time.Minute)
		if again := r.served(40); !slices.Equal(before, again) {
			t.Errorf("after the cooldown\n%v, not\n%v", again, before)
		}
		for i := range 6 { // without the field: turns
			r.want(r.ask(), 200, string(rune('a'+i%3)), "1")
		}
	}, stickyBy("user"))
}

func TestSticky_AnIDComesBeforeTheStickyValue(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		for _, i := range []int{0, 1} {
			id := r.madeAt(i, "/openai/v1/responses", `{"model":"gpt","input":"x"}`)
			next := fmt.Sprintf(`{"user":"u1","model":"gpt","input":"x","previous_response_id":%q}`, id)
			r.wantAt(r.post("/openai/v1/responses", next), string(rune('a'+i)))
		}
	}, stickyBy("user"))
}
