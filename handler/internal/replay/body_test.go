package replay_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"aoai-balancer/handler/internal/replay"
)

// held are two bodies, of which a small pool keeps one in memory and one in a file.
func held() map[string][]byte {
	return map[string][]byte{"memory": content(8 << 10), "file": content(90 << 10)}
}

func TestBody_AHundredReadersAtOnce(t *testing.T) {
	p := newPool(t, small(t))
	for name, data := range held() {
		t.Run(name, func(t *testing.T) {
			b := mustRead(t, p, data, unknown)
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { wantContent(t, b, data) })
			}
			wg.Wait()
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBody_CloseWaitsForOpenReaders(t *testing.T) {
	p := newPool(t, small(t))
	for name, data := range held() {
		t.Run(name, func(t *testing.T) {
			b := mustRead(t, p, data, int64(len(data)))
			memory, disk := p.InUse()
			r := b.Open()
			half := make([]byte, len(data)/2)
			if _, err := io.ReadFull(r, half); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(b.Close(), b.Close()); err != nil {
				t.Error(err)
			}
			wantInUse(t, p, memory, disk)
			other := mustRead(t, p, bytes.Repeat([]byte{'x'}, len(data)), int64(len(data)))
			rest, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(append(half, rest...), data) {
				t.Errorf("an open reader lost its bytes after Close: %v", err)
			}
			_ = other.Close()
			wantInUse(t, p, memory, disk)
			_ = r.Close()
			wantInUse(t, p, 0, 0)
		})
	}
}

func TestBody_NothingIsReadAfterClose(t *testing.T) {
	p := newPool(t, small(t))
	for name, data := range held() {
		t.Run(name, func(t *testing.T) {
			b := mustRead(t, p, data, unknown)
			closed := b.Open()
			_ = closed.Close()
			_ = b.Close()
			late := b.Open()
			for _, r := range []io.Reader{closed, late} {
				if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("read %d bytes: %v", n, err)
				}
			}
			_ = late.Close()
		})
	}
}

func TestBody_CloseDuringReadsLetsNoForeignByteThrough(t *testing.T) {
	p := newPool(t, small(t))
	for range 200 {
		b := mustRead(t, p, bytes.Repeat([]byte{'a'}, 8<<10), 8<<10)
		r := b.Open()
		var wg sync.WaitGroup
		wg.Go(func() {
			got, err := io.ReadAll(r)
			if strings.Trim(string(got), "a") != "" || err != nil && !errors.Is(err, http.ErrBodyReadAfterClose) {
				t.Errorf("read %q: %v", got, err)
			}
		})
		_ = b.Close()
		_ = r.Close()
		_ = mustRead(t, p, bytes.Repeat([]byte{'b'}, 8<<10), 8<<10).Close()
		wg.Wait()
	}
}

func TestBody_SentByTransportOverAndOver(t *testing.T) {
	p := newPool(t, small(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := p.Read(r.Context(), r.Body, r.ContentLength)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		defer b.Close()
		echo := b.Open()
		defer echo.Close()
		_, _ = io.Copy(w, echo)
	}))
	defer server.Close()
	for name, data := range held() {
		b := mustRead(t, p, data, unknown)
		for _, length := range []int64{b.Len(), unknown, b.Len()} {
			if got := send(t, server, b.Open(), length); !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes came back as %d", name, len(data), len(got))
			}
		}
		_ = b.Close()
	}
	server.Close() // its handlers have closed their bodies then
}

func send(t *testing.T, server *httptest.Server, body io.ReadCloser, length int64) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = length
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBody_OneKilobyteCostsFewAllocations(t *testing.T) {
	p := newPool(t, small(t))
	data := content(1 << 10)
	source := bytes.NewReader(data)
	space := make([]byte, len(data))
	allocations := testing.AllocsPerRun(1000, func() { roundTrip(t, p, source, data, space) })
	// The body and its reader; the buffer's two more now and then, since the race detector empties pools at random.
	if allocations > 4 {
		t.Errorf("%.1f allocations", allocations)
	}
}

func roundTrip(t testing.TB, p *replay.Pool, source *bytes.Reader, data, space []byte) {
	source.Reset(data)
	b, err := p.Read(t.Context(), source, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	r := b.Open()
	if _, err := io.ReadFull(r, space); err != nil {
		t.Fatal(err)
	}
	_, _ = r.Close(), b.Close()
}

func BenchmarkRead(b *testing.B) {
	p := newPool(b, replay.Limits{Dir: b.TempDir()})
	for name, size := range map[string]int{"1KB": 1 << 10, "1MB": 1 << 20, "4MB": 4 << 20} {
		b.Run(name, func(b *testing.B) {
			data, space := content(size), make([]byte, size)
			source := bytes.NewReader(nil)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				roundTrip(b, p, source, data, space)
			}
		})
	}
}
