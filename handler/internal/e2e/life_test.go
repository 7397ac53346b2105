package e2e

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

func TestStart_AnswersWithinMilliseconds(t *testing.T) {
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{})
	began := time.Now()
	startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
	took := time.Since(began)
	t.Logf("from the start of the process to the first answer: %v", took.Round(100*time.Microsecond))
	if took > 2*time.Second {
		t.Errorf("the first answer came after %v", took)
	}
}

func TestStart_ReportsEveryWrongSettingByNameAndNoSecret(t *testing.T) {
	ctx := bounded(t, time.Minute)
	settings := stack.Settings{
		"OPENAI_BACKENDS":    `[{"name":"a","endpoint":"https://a.example?sig=s3cret","key":"s3cret key","secret":"x"},{"name":"a","endpoint":"ftp://b","weight":-1,"auth":"s3cret"}]`,
		"KEY_VAULT_URI":      "http://user:s3cret@vault.example",
		"COUNTER_CONNECTION": "Local",
		"Local":              "AccountKey=s3cret",
		"COUNTER_TABLE":      "not a table",
		"MAX_RETRIES":        "many",
		"RETRY_INTERVAL":     "5",
		"RETRY_STATUS":       "200",
		"REQUEST_TIMEOUT":    "soon",
		"MAX_BODY_BYTES":     "big",
		"LOG_LEVEL":          "loud",
	}
	cmd := exec.CommandContext(ctx, product.binary)
	cmd.Env = settings.Environment()
	output, err := cmd.CombinedOutput()
	said := string(output)
	t.Logf("it said:\n%s", said)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() <= 0 {
		t.Errorf("the process ended with %v", err)
	}
	for name := range settings {
		if name != "Local" && !strings.Contains(said, `"`+name+": ") {
			t.Errorf("no problem is reported for %s", name)
		}
	}
	if strings.Contains(said, "s3cret") {
		t.Error("a secret is shown")
	}
}

func TestStop_RequestUnderWayIsFinished(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	ctx := bounded(t, time.Minute)
	westeurope, eastus := backends(t, simulator.Options{TokenDelay: 100 * time.Millisecond})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus))
	answered := make(chan answer, 1)
	go func() {
		a, err := call(ctx, p.URL+chatPath, sseBody)
		if err != nil {
			t.Errorf("the request under way: %v", err)
		}
		answered <- a
	}()
	if err := stack.Until(ctx, func() bool { return westeurope.Calls()+eastus.Calls() > 0 }); err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Log.Wait(ctx, "draining"); err != nil {
		t.Fatalf("the handler does not say that it drains: %v", err)
	}
	refused := func() bool { _, err := call(ctx, p.URL+"/healthz", ""); return err != nil }
	if err := stack.Until(ctx, refused); err != nil || len(answered) > 0 {
		t.Errorf("connections are taken while it drains: %v", err)
	}
	a := <-answered
	if a.status != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(a.body), "data: [DONE]") {
		t.Errorf("the request under way got %d %s", a.status, a.body)
	}
	ended(ctx, t, p)
}

func ended(ctx context.Context, t *testing.T, p *stack.Process) {
	t.Helper()
	select {
	case <-p.Ended():
		if p.ExitCode() != 0 {
			t.Errorf("it ended with code %d", p.ExitCode())
		}
	case <-ctx.Done():
		t.Error("it did not end")
	}
}
