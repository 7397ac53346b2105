package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// underHost is the product under the real Functions host: keys from a vault, the counter in Table Storage.
type underHost struct {
	*stack.Process
	westeurope, eastus *stack.Backend
}

func TestFunctionsHost(t *testing.T) {
	ctx := bounded(t, 3*time.Minute)
	stack.NeedFunc(t)
	azurite := stack.NeedAzurite(t)
	h := underHost{}
	h.westeurope, h.eastus = backends(t, simulator.Options{TokenDelay: 50 * time.Millisecond})
	settings := secretSettings(t, h.westeurope, h.eastus).WithCounter(azurite.ConnectionString()).With("LOG_LEVEL", "debug")
	began := time.Now()
	h.Process = startHost(ctx, t, settings)
	t.Logf("the host and the handler were up after %v", time.Since(began).Round(time.Millisecond))

	for _, row := range []struct {
		name string
		test func(context.Context, *testing.T)
	}{
		{"ReadinessPingIsAnsweredInMilliseconds", h.ping},
		{"OrdinaryCallsTakeTurns", h.ordinaryCalls},
		{"StreamArrivesEventByEvent", h.stream},
		{"FiveMegabytesArriveUnchanged", h.largeBody},
		{"CallerThatLeavesIsSeenByTheBackend", h.disconnect},
		{"DeploymentNamesKeepTheCallersEscaping", h.names},
		{"AnswerWithAHeaderThatIsNotASCIIArrives", h.foreignHeader},
		{"OfficialClientsWorkUnmodified", h.clients},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.forget()
			row.test(ctx, t)
		})
	}

	h.Stop()
	if err := stack.Until(ctx, func() bool { return !h.Alive() }); err != nil {
		t.Errorf("a process of the group %d is left", h.PID())
	}
}

func (h *underHost) forget() {
	h.westeurope.Forget()
	h.eastus.Forget()
}

func (h *underHost) received() []simulator.Request {
	return append(h.westeurope.Received(), h.eastus.Received()...)
}

// ping looks at the host's own ping, the first that the handler answered, and at one through the host.
func (h *underHost) ping(ctx context.Context, t *testing.T) {
	own, err := h.Log.Wait(ctx, "request")
	if err != nil || own.Status != http.StatusOK || own.Duration > 50 {
		t.Errorf("the host's first ping was answered %d in %v ms (%v)", own.Status, own.Duration, err)
	}
	began := time.Now()
	response, err := client.Get(h.URL + "/")
	took := time.Since(began)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || took > time.Second {
		t.Errorf("GET / was answered %d in %v", response.StatusCode, took)
	}
	t.Logf("GET /: the host's first ping took the handler %.2f ms, one through the host took %v", own.Duration, took.Round(10*time.Microsecond))
}

func (h *underHost) ordinaryCalls(ctx context.Context, t *testing.T) {
	warmUp(ctx, t, h.Process)
	before := len(requests(ctx, t, h.Process, 0))
	var order []string
	for i := range 6 {
		a := mustServe(ctx, t, h.URL)
		order = append(order, a.backend())
		if i > 0 && order[i] == order[i-1] {
			t.Errorf("call %d went to %s, like the one before", i+1, order[i])
		}
		if !strings.Contains(a.body, `"object":"chat.completion"`) || a.header.Get("x-aoai-attempts") != "1" {
			t.Errorf("the answer is no chat completion of one attempt: %v %s", a.header, a.body)
		}
	}
	t.Logf("served by %s", strings.Join(order, " "))
	for _, b := range []*stack.Backend{h.westeurope, h.eastus} {
		for _, r := range b.Received() {
			if r.Header.Get("api-key") != b.Key || r.Header.Get("X-Azure-Functions-InvocationId") != "" || r.Header.Get("X-Forwarded-For") != "" {
				t.Errorf("%s got headers that are not its own: %v", b.Name, r.Header)
			}
		}
	}
	for _, e := range requests(ctx, t, h.Process, before+6)[before:] {
		if e.InvocationID == "" || e.Turn == "" || isLocal(e.Turn) {
			t.Errorf("the access log has no invocation id, or no turn from the table: %s", e.Text)
		}
	}
}

func (h *underHost) stream(ctx context.Context, t *testing.T) {
	began := time.Now()
	response, err := post(ctx, h.URL+chatPath, sseBody)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var arrivals []time.Duration
	last := ""
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			arrivals, last = append(arrivals, time.Since(began).Round(100*time.Microsecond)), lines.Text()
		}
	}
	t.Logf("the backend sends an event every 50 ms; they arrived after %v", arrivals)
	if lines.Err() != nil || last != "data: [DONE]" || len(arrivals) < 5 {
		t.Fatalf("the stream ended with %q after %d events (%v)", last, len(arrivals), lines.Err())
	}
	if spread := arrivals[len(arrivals)-1] - arrivals[0]; spread < time.Duration(len(arrivals)-2)*25*time.Millisecond {
		t.Errorf("%d events arrived within %v: not one by one", len(arrivals), spread)
	}
}

func (h *underHost) largeBody(ctx context.Context, t *testing.T) {
	body := `{"messages":[{"role":"user","content":"` + strings.Repeat("seven b", 5<<20/7) + `"}]}`
	a, err := call(ctx, h.URL+chatPath, body)
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("the call was answered %d %s (%v)", a.status, a.body, err)
	}
	received := h.received()
	sum := sha256.Sum256([]byte(body))
	if len(received) != 1 || received[0].Length != int64(len(body)) || received[0].SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%d bytes sent; the backends received %d requests, the first of %d bytes", len(body), len(received), received[0].Length)
	}
	t.Logf("%d bytes arrived unchanged", len(body))
}

func (h *underHost) disconnect(ctx context.Context, t *testing.T) {
	for name, step := range map[string]simulator.Step{
		"before headers": {Hang: true},
		"in mid-stream":  {Stall: 4},
	} {
		t.Run(name, func(t *testing.T) {
			h.forget()
			h.westeurope.Script(step)
			h.eastus.Script(step)
			left := h.leave(ctx, t, step.Stall > 0)
			t.Logf("the backend saw it after %v", left.Round(10*time.Microsecond))
			if left > 100*time.Millisecond {
				t.Errorf("the backend saw the caller leave after %v", left)
			}
		})
	}
}

// leave makes a call, leaves once the backend has it (and has begun to answer, where it does), and measures until a
// backend sees that.
func (h *underHost) leave(ctx context.Context, t *testing.T, answers bool) time.Duration {
	t.Helper()
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	begun := make(chan struct{})
	go func() {
		response, err := post(calling, h.URL+chatPath, sseBody)
		if err == nil {
			close(begun)
			<-calling.Done()
			_ = response.Body.Close()
		}
	}()
	if answers {
		select {
		case <-begun:
		case <-ctx.Done():
			t.Fatal("no answer began")
		}
	} else if err := stack.Until(ctx, func() bool { return len(h.received()) > 0 }); err != nil {
		t.Fatal("no backend got the call")
	}
	began := time.Now()
	hangUp()
	select {
	case <-h.westeurope.Left():
	case <-h.eastus.Left():
	case <-ctx.Done():
		t.Fatal("no backend saw the caller leave")
	}
	return time.Since(began)
}

func (h *underHost) names(ctx context.Context, t *testing.T) {
	for _, name := range []string{"two%20words", "gr%C3%BCn", "team%2Fchat", "all%20of%2Fth%C3%A9se"} {
		h.forget()
		path := "/openai/deployments/" + name + "/chat/completions"
		a, err := call(ctx, h.URL+path+"?api-version=2024-10-21", chatBody)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%s was answered %d %s (%v)", name, a.status, a.body, err)
		}
		received := h.received()
		if len(received) != 1 || received[0].Path != path || received[0].Query != "api-version=2024-10-21" {
			t.Errorf("%s?api-version=2024-10-21 arrived as %+v", path, received)
			continue
		}
		t.Logf("%s arrived as %s", path, received[0].Path)
	}
}

// foreignHeader: the host refuses to pass on such a header, and with it the whole answer.
func (h *underHost) foreignHeader(ctx context.Context, t *testing.T) {
	step := simulator.Step{Header: map[string]string{"x-note": "gr\u00fcn"}}
	h.westeurope.Script(step)
	h.eastus.Script(step)
	mustServe(ctx, t, h.URL)
}

func (h *underHost) clients(ctx context.Context, t *testing.T) {
	officialClients(ctx, t, h.URL, h.westeurope, h.eastus)
}
