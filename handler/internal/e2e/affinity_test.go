package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

// The caller is the official client from npm, which knows nothing of backends. Three backends, two processes that share
// one table; between the halves of every conversation one process is replaced by a new one.
func TestAffinity_EveryCallMeetsItsOriginOverAFleetAndARestart(t *testing.T) {
	ctx := bounded(t, 2*time.Minute)
	node, dir := stack.NeedNode(t)
	azurite := stack.NeedAzurite(t)
	homes := threeBackends(t)
	settings := stack.NewSettings(homes...).WithCounter(azurite.ConnectionString())
	stays, leaves := startHandler(ctx, t, settings), startHandler(ctx, t, settings)
	warmUp(ctx, t, stays) // the table is there
	forget(homes)

	cmd := exec.CommandContext(ctx, node, "affinity.mjs", stays.URL, leaves.URL)
	cmd.Dir = dir
	program := startProgram(t, cmd)
	program.want(t, "restart")
	leaves.Stop()
	replaced, err := stack.StartHandler(ctx, product.binary, port(t, leaves.URL), settings)
	running(t, replaced, err)
	program.say(t, "go on")

	checkOrigins(t, homes, program.said(t))
	logSearches(t, homes)
}

func threeBackends(t *testing.T) []*stack.Backend {
	t.Helper()
	westeurope, eastus := backends(t, simulator.Options{Words: 2})
	sweden, err := stack.StartBackend(t.Context(), "swedencentral", simulator.Options{Words: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sweden.Stop)
	return []*stack.Backend{westeurope, eastus, sweden}
}

func forget(homes []*stack.Backend) {
	for _, b := range homes {
		b.Forget()
	}
}

func port(t *testing.T, address string) int {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// program is a caller in a process of its own, which a test speaks with line by line.
type program struct {
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
	fault *strings.Builder
}

func startProgram(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, fault: new(strings.Builder)}
	cmd.Stderr = p.fault
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	p.in, p.lines = in, bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// said is the next line.
func (p *program) said(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		err := p.cmd.Wait()
		t.Fatalf("it ended early: %v\n%s", err, p.fault)
	}
	return p.lines.Text()
}

func (p *program) want(t *testing.T, line string) {
	t.Helper()
	if got := p.said(t); got != line {
		t.Fatalf("it said %q, not %q", got, line)
	}
}

func (p *program) say(t *testing.T, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		t.Fatal(err)
	}
}

// checkOrigins looks in the backends' records for who was called with each id.
func checkOrigins(t *testing.T, homes []*stack.Backend, report string) {
	t.Helper()
	var things []struct {
		Kind string
		IDs  []string
	}
	if err := json.Unmarshal([]byte(report), &things); err != nil {
		t.Fatalf("%v: %s", err, report)
	}
	used := map[string]int{}
	for _, thing := range things {
		calls := map[string]int{}
		for _, id := range thing.IDs {
			for _, b := range homes {
				calls[b.Name] += callsNaming(b, id)
			}
		}
		for name, n := range calls {
			if n == 0 {
				delete(calls, name)
			}
			used[name] += n
		}
		t.Logf("%s: %d ids, calls %v", thing.Kind, len(thing.IDs), calls)
		if len(calls) != 1 {
			t.Errorf("%s was looked for at %v", thing.Kind, calls)
		}
	}
	if len(things) != 12 || len(used) < 2 {
		t.Errorf("%d things were made at %v", len(things), used)
	}
}

// isCallers tells what the client has sent, which says so, from what the product asks by itself.
func isCallers(r simulator.Request) bool { return r.Header.Get("X-Stainless-Lang") != "" }

func callsNaming(b *stack.Backend, id string) (n int) {
	for _, r := range b.Received() {
		if isCallers(r) && (strings.Contains(r.Path, id) || strings.Contains(string(r.Body), id)) {
			n++
		}
	}
	return n
}

// logSearches shows how many calls the product made to find a home that neither memory nor the table knew.
func logSearches(t *testing.T, homes []*stack.Backend) {
	t.Helper()
	callers, own := 0, 0
	for _, b := range homes {
		for _, r := range b.Received() {
			if isCallers(r) {
				callers++
			} else {
				own++
			}
		}
	}
	t.Logf("%d calls of the caller, %d searches at a backend", callers, own)
}

// Without storage a new process knows nothing, and asks.
func TestAffinity_ARestartWithoutStorageFindsThingsAgain(t *testing.T) {
	ctx := bounded(t, time.Minute)
	homes := threeBackends(t)
	settings := stack.NewSettings(homes...)
	first := startHandler(ctx, t, settings)
	ids := map[string]string{}
	for range homes {
		made, err := call(ctx, first.URL+"/openai/v1/responses", `{"model":"gpt","input":"x"}`)
		var response struct{ ID string }
		if err != nil || json.Unmarshal([]byte(made.body), &response) != nil {
			t.Fatalf("%v: %s", err, made.body)
		}
		ids[response.ID] = made.backend()
	}
	first.Stop()
	forget(homes)
	second := startHandler(ctx, t, settings)
	for id, home := range ids {
		next, err := call(ctx, second.URL+"/openai/v1/responses", fmt.Sprintf(`{"model":"gpt","input":"x","previous_response_id":%q}`, id))
		if err != nil || next.status != 200 || next.backend() != home {
			t.Errorf("%s of %s was answered %d by %s: %v", id, home, next.status, next.backend(), err)
		}
	}
	for _, b := range homes {
		if n := len(b.Received()); n > len(ids)+1 { // a search for each thing, and one call
			t.Errorf("%s was called %d times", b.Name, n)
		}
	}
}
