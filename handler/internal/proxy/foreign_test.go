package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aoai-balancer/handler/internal/simulator"
)

const sealedQuestion = `{"model":"gpt","store":false,"include":["reasoning.encrypted_content"],"input":"x"}`

// sealed makes a request that brings a reasoning item back.
func sealed(t *testing.T, answer reply) string {
	t.Helper()
	var response struct{ Output []json.RawMessage }
	if err := json.Unmarshal([]byte(answer.body), &response); err != nil || len(response.Output) != 2 {
		t.Fatalf("the answer is %s", answer.body)
	}
	return fmt.Sprintf(`{"model":"gpt","store":false,"input":[%s,{"role":"user","content":"y"}]}`, response.Output[0])
}

func TestForeignContent_IsReadWhereItWasMade(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for range 4 {
			first := r.post("/openai/v1/responses", sealedQuestion)
			r.wantAt(r.post("/openai/v1/responses", sealed(t, first)), first.header.Get("x-aoai-backend"))
		}
	})
}

// sealedAt makes a reasoning item at a backend without the product.
func (r *rig) sealedAt(i int) string {
	r.t.Helper()
	return sealed(r.t, r.postAt(i, "/openai/v1/responses", sealedQuestion))
}

func TestForeignContent_TriesTheOthersAndCostsNoHealth(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		next := r.sealedAt(2)
		r.want(r.post("/openai/v1/responses", next), 200, "c", "3")
		if got := r.outcomes(); got != "foreign_content foreign_content ok" {
			t.Errorf("attempts: %s", got)
		}
		if ready := r.health.Ready("gpt"); ready != 0b111 {
			t.Errorf("ready: %b", ready)
		}
		r.wantAt(r.post("/openai/v1/responses", next), "c") // learnt
	})
}

func TestForeignContent_ThatNobodyReadsIsTheBackendsOwn400(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		next := strings.Replace(r.sealedAt(0), "gAAAA", "other", 1)
		got := r.post("/openai/v1/responses", next)
		r.want(got, 400, "a", "2")
		if got.code() != "invalid_encrypted_content" || got.took != 0 {
			t.Errorf("after %v: %s", got.took, got.body)
		}
	})
}

func TestForeignContent_OfABackendThatIsThrottledIs429(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		next := r.sealedAt(1)
		r.backends[1].Script(simulator.Step{Status: 429, Header: map[string]string{"retry-after-ms": "20000"}})
		got := r.post("/openai/v1/responses", next)
		if got.status != 429 || got.header.Get("Retry-After") < "20" || r.outcomes() != "foreign_content throttled" {
			t.Errorf("answered %d with %v: %s", got.status, got.header, r.outcomes())
		}
	})
}

func TestForeignContent_WithAWrongHomeFindsTheRightOne(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		next := r.sealedAt(2)
		var body struct{ Input []struct{ ID string } }
		_ = json.Unmarshal([]byte(next), &body)
		r.homes.Remember(body.Input[0].ID, "a")
		r.want(r.post("/openai/v1/responses", next), 200, "c", "3")
		r.wantAt(r.post("/openai/v1/responses", next), "c")
	})
}

func TestForeignContent_StaysWithTheCallersChoice(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		req := r.request(r.t.Context(), http.MethodPost, "/openai/v1/responses", r.sealedAt(1))
		req.Header.Set("x-aoai-backend", "a")
		r.want(r.do(req), 400, "a", "1")
	})
}
