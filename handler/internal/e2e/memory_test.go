package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aoai-balancer/handler/internal/simulator"
	"aoai-balancer/handler/internal/stack"
)

const megabyte = 1 << 20

// needUsage skips the test where nobody tells what a process holds.
func needUsage(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what a process holds")
	}
}

func usage(t *testing.T, p *stack.Process) stack.Usage {
	t.Helper()
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// largeBody is a chat call of exactly size bytes, which is made while it is read.
func largeBody(size int) io.Reader {
	const head, tail = `{"messages":[{"role":"user","content":"`, `"}]}`
	return io.MultiReader(strings.NewReader(head), io.LimitReader(letters{}, int64(size-len(head)-len(tail))), strings.NewReader(tail))
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// summing is a backend that keeps nothing of a body but its hash, and begins its answer when all who came together had
// time to come.
type summing struct {
	bodies sync.Map // hash → *atomic.Int64
	hold   time.Duration
}

func (s *summing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r.Body); err != nil {
		return
	}
	n, _ := s.bodies.LoadOrStore(hex.EncodeToString(sum.Sum(nil)), new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	select {
	case <-time.After(s.hold):
	case <-r.Context().Done():
	}
	_, _ = io.WriteString(w, `{"object":"chat.completion"}`)
}

// startOwn starts a backend that is not the simulated one.
func startOwn(t *testing.T, h http.Handler) *stack.Backend {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &stack.Backend{Name: "westeurope", Key: "key", URL: server.URL}
}

// watchDisk notes the most that temporary files ever held, until the test's end or stop.
func watchDisk(p *stack.Process) (stop func() (most int64)) {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var most int64
	all.Go(func() {
		_ = stack.Until(ctx, func() bool {
			u, err := p.Usage()
			most = max(most, u.TempBytes)
			return err != nil
		})
	})
	return func() int64 {
		cancel()
		all.Wait()
		return most
	}
}

// A hundred callers send 20 MB each at the same moment: twice what the handler keeps. Those for whom there is room are
// served, the others are told when to come again.
func TestMemory_AHundredBodiesOf20MBAtOnceAreServedOrRefusedInBoundedMemory(t *testing.T) {
	const callers, size, mostMemory, mostDisk = 100, 20 * megabyte, 300 * megabyte, 512 * megabyte
	needUsage(t)
	ctx := bounded(t, 3*time.Minute)
	backend := &summing{hold: 500 * time.Millisecond}
	p := startHandler(ctx, t, stack.NewSettings(startOwn(t, backend)))
	disk := watchDisk(p)
	var served, refused atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			switch a, err := sendLarge(ctx, p.URL, size); {
			case err == nil && a.status == http.StatusOK:
				served.Add(1)
			case err == nil && a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "":
				refused.Add(1)
			default:
				t.Errorf("a call was answered %d %v %s: %v", a.status, a.header, a.body, err)
			}
		})
	}
	all.Wait()
	u, onDisk := usage(t, p), disk()
	t.Logf("%d served, %d refused; at the most %d MB of memory and %d MB of temporary files",
		served.Load(), refused.Load(), u.MostMemory/megabyte, onDisk/megabyte)
	if served.Load() == 0 || refused.Load() == 0 || onDisk < size {
		t.Error("that was no test of the bounds")
	}
	if u.MostMemory > mostMemory || onDisk > mostDisk {
		t.Errorf("more than %d MB of memory or %d MB of temporary files", mostMemory/megabyte, mostDisk/megabyte)
	}
	backend.wantWhole(t, size, served.Load())
	wantNoFiles(ctx, t, p)
}

func sendLarge(ctx context.Context, base string, size int) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+chatPath, largeBody(size))
	if err != nil {
		return answer{}, err
	}
	request.ContentLength = int64(size)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// wantWhole: the backend got one body, and that one as often as a call was served.
func (s *summing) wantWhole(t *testing.T, size int, times int64) {
	t.Helper()
	sum := sha256.New()
	if _, err := io.Copy(sum, largeBody(size)); err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(sum.Sum(nil))
	s.bodies.Range(func(got, n any) bool {
		if got != want || n.(*atomic.Int64).Load() != times {
			t.Errorf("the backend got %s %d times; %s was sent, and served %d times", got, n.(*atomic.Int64).Load(), want, times)
		}
		return true
	})
}

func wantNoFiles(ctx context.Context, t *testing.T, p *stack.Process) {
	t.Helper()
	if err := stack.Until(ctx, func() bool { return usage(t, p).TempFiles == 0 }); err != nil {
		t.Errorf("temporary files stay: %+v", usage(t, p))
	}
}

// pausing is a backend whose streams begin, and end when the test lets them.
type pausing struct{ goOn chan struct{} }

func (s pausing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-s.goOn:
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	case <-r.Context().Done():
	}
}

// needDescriptors skips the test where a process may not have so many files and connections. Go raises the limit as far
// as it goes, here and in the handler.
func needDescriptors(t *testing.T, n int) {
	t.Helper()
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(limits), "Max open files")
	if fields := strings.Fields(line); len(fields) > 1 {
		if hard, err := strconv.Atoi(fields[1]); err == nil && hard < n {
			t.Skipf("needs %d descriptors a process, and the limit is %d (ulimit -n)", n, hard)
		}
	}
}

func TestMemory_AThousandIdleStreamsTakeLittle(t *testing.T) {
	const streams, most = 1000, 100 * megabyte
	needUsage(t)
	needDescriptors(t, 2*streams+200)
	ctx := bounded(t, 2*time.Minute)
	backend := pausing{make(chan struct{})}
	p := startHandler(ctx, t, stack.NewSettings(startOwn(t, backend)))
	var begun, whole atomic.Int64
	var all sync.WaitGroup
	for range streams {
		all.Go(func() {
			if err := readPaused(ctx, p.URL, &begun); err != nil {
				t.Error(err)
				return
			}
			whole.Add(1)
		})
	}
	if err := stack.Until(ctx, func() bool { return begun.Load() == streams }); err != nil {
		t.Errorf("%d of %d streams have begun", begun.Load(), streams)
	}
	u := usage(t, p)
	close(backend.goOn)
	all.Wait()
	t.Logf("%d streams, %d whole; %d MB, %d MB at the most, %d threads, %d descriptors",
		streams, whole.Load(), u.Resident/megabyte, u.MostMemory/megabyte, u.Threads, u.Descriptors)
	if u.MostMemory > most {
		t.Errorf("more than %d MB", most/megabyte)
	}
}

func readPaused(ctx context.Context, base string, begun *atomic.Int64) error {
	response, err := post(ctx, base+chatPath, sseBody)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, 1)
	if _, err := io.ReadFull(response.Body, first); err != nil {
		return err
	}
	begun.Add(1)
	rest, err := io.ReadAll(response.Body)
	if err == nil && !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		err = fmt.Errorf("the stream ended with %q", rest)
	}
	return err
}

// A caller invents names of deployments, short ones and long ones. What the handler keeps of them is bounded: as many
// again take no more.
func TestMemory_InventedDeploymentNamesDoNotGrowIt(t *testing.T) {
	const names, most, margin = 10_000, 150 * megabyte, 16 * megabyte
	needUsage(t)
	ctx := bounded(t, 4*time.Minute)
	azurite := stack.NeedAzurite(t)
	westeurope, eastus := backends(t, simulator.Options{Deployments: []simulator.Deployment{{Name: "gpt"}}, NoRecord: true})
	p := startHandler(ctx, t, stack.NewSettings(westeurope, eastus).WithCounter(azurite.ConnectionString()))
	mustServe(ctx, t, p.URL)
	before := usage(t, p)
	invent(ctx, t, p.URL, 0, names)
	first := usage(t, p)
	invent(ctx, t, p.URL, names, 2*names)
	second := usage(t, p)
	t.Logf("memory: %d MB, after %d names %d MB, after as many again %d MB, %d MB at the most",
		before.Resident/megabyte, names, first.Resident/megabyte, second.Resident/megabyte, second.MostMemory/megabyte)
	if second.MostMemory > most || second.Resident > first.Resident+margin {
		t.Error("invented names take memory")
	}
	mustServe(ctx, t, p.URL)
}

// invent calls deployments that no backend has: most with names that one could have, some with names of 100 KB.
func invent(ctx context.Context, t *testing.T, base string, from, to int) {
	t.Helper()
	var next, wrong atomic.Int64
	next.Store(int64(from))
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < to; i = int(next.Add(1)) - 1 {
				name, want := "invented-"+strconv.Itoa(i), http.StatusNotFound
				if i%100 == 0 {
					name, want = name+strings.Repeat("x", 100<<10), http.StatusBadRequest
				}
				a, err := call(ctx, base+"/openai/deployments/"+name+"/chat/completions?api-version=2024-10-21", chatBody)
				if err != nil || a.status != want {
					wrong.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("%d of %d invented names were not refused", n, to-from)
	}
}
