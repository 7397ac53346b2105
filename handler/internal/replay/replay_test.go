package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"

	"aoai-balancer/handler/internal/replay"
)

const unknown = -1

// small are limits at which every path is a few KB away.
func small(t testing.TB) replay.Limits {
	return replay.Limits{Memory: 8 << 10, MemoryTotal: 64 << 10, DiskTotal: 256 << 10, Max: 100 << 10, Dir: t.TempDir()}
}

// newPool gives a pool that must be empty, as must its directory, when the test ends.
func newPool(t testing.TB, l replay.Limits) *replay.Pool {
	t.Helper()
	p := replay.NewPool(l)
	t.Cleanup(func() {
		wantInUse(t, p, 0, 0)
		if left, err := filepath.Glob(filepath.Join(l.Dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("left in the directory: %v (%v)", left, err)
		}
	})
	return p
}

func wantInUse(t testing.TB, p *replay.Pool, memory, disk int64) {
	t.Helper()
	if m, d := p.InUse(); m != memory || d != disk {
		t.Errorf("in use: memory %d, disk %d, want %d and %d", m, d, memory, disk)
	}
}

func content(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

func mustRead(t testing.TB, p *replay.Pool, data []byte, length int64) *replay.Body {
	t.Helper()
	b, err := p.Read(t.Context(), bytes.NewReader(data), length)
	if err != nil {
		t.Fatalf("Read of %d bytes, length %d: %v", len(data), length, err)
	}
	return b
}

func wantContent(t testing.TB, b *replay.Body, want []byte) {
	t.Helper()
	r := b.Open()
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back as %d (%v), or not the same", len(want), len(got), err)
	}
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// sizesAround gives the sizes at which something changes.
func sizesAround(l replay.Limits) []int {
	var sizes []int
	for _, edge := range []int{1 << 10, 1280, 4 << 10, 32 << 10, int(l.Memory), int(l.Memory) + 32<<10, int(l.Max)} {
		sizes = append(sizes, edge-1, edge, edge+1)
	}
	return append([]int{0, 1, 2}, sizes...)
}

func TestRead_EverySizeComesBackTheSame(t *testing.T) {
	l := small(t)
	p := newPool(t, l)
	for _, n := range sizesAround(l) {
		for _, length := range []int64{int64(n), unknown} {
			b, err := p.Read(t.Context(), iotest.HalfReader(bytes.NewReader(content(n))), length)
			if int64(n) > l.Max {
				if !errors.Is(err, replay.ErrTooLarge) {
					t.Errorf("%d bytes, length %d: error %v", n, length, err)
				}
				continue
			}
			if err != nil || b.Len() != int64(n) {
				t.Fatalf("%d bytes, length %d: %v", n, length, err)
			}
			wantContent(t, b, content(n))
			wantContent(t, b, content(n))
			if err := b.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			wantInUse(t, p, 0, 0)
		}
	}
}

func TestRead_ChoosesMemoryOrDiskByLength(t *testing.T) {
	p := newPool(t, small(t))
	for _, tc := range []struct {
		n, length    int
		memory, disk int64
	}{
		{0, 0, 0, 0}, {0, unknown, 0, 0},
		{1, 1, 1 << 10, 0}, {1025, 1025, 1280, 0},
		{1, unknown, 4 << 10, 0}, {4096, unknown, 8 << 10, 0},
		{8 << 10, 8 << 10, 8 << 10, 0}, {8 << 10, unknown, 8 << 10, 0},
		{8<<10 + 1, 8<<10 + 1, 0, 8<<10 + 1}, {8<<10 + 1, unknown, 0, 8<<10 + 1},
		{100 << 10, 100 << 10, 0, 100 << 10}, {100 << 10, unknown, 0, 100 << 10},
	} {
		t.Run(fmt.Sprint(tc.n, "_", tc.length), func(t *testing.T) {
			b := mustRead(t, p, content(tc.n), int64(tc.length))
			wantInUse(t, p, tc.memory, tc.disk)
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			wantInUse(t, p, 0, 0)
		})
	}
}

func TestRead_EmptyBodyIsNoBody(t *testing.T) {
	p := newPool(t, small(t))
	for _, r := range []io.Reader{nil, http.NoBody, bytes.NewReader(nil)} {
		b, err := p.Read(t.Context(), r, unknown)
		if err != nil || b.Len() != 0 || b.Open() != http.NoBody {
			t.Errorf("%T: %v", r, err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRead_TooLongByItsLengthIsRefusedUnread(t *testing.T) {
	p := newPool(t, small(t))
	unread := iotest.ErrReader(errors.New("was read"))
	if _, err := p.Read(t.Context(), unread, 100<<10+1); !errors.Is(err, replay.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestRead_MemoryUsedUpGoesToDisk(t *testing.T) {
	l := small(t)
	p := newPool(t, l)
	var bodies []*replay.Body
	for range 8 {
		bodies = append(bodies, mustRead(t, p, content(8<<10), 8<<10))
	}
	wantInUse(t, p, 64<<10, 0)
	for _, length := range []int64{100, unknown} {
		b := mustRead(t, p, content(100), length)
		wantInUse(t, p, 64<<10, 100)
		wantContent(t, b, content(100))
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, b := range bodies {
		wantContent(t, b, content(8<<10))
		_ = b.Close()
	}
}

func TestRead_NoRoomLeft(t *testing.T) {
	p := newPool(t, small(t))
	held := []*replay.Body{mustRead(t, p, content(100<<10), 100<<10), mustRead(t, p, content(100<<10), unknown)}
	unread := iotest.ErrReader(errors.New("was read"))
	if _, err := p.Read(t.Context(), unread, 56<<10+1); !errors.Is(err, replay.ErrNoRoom) {
		t.Errorf("known length: %v", err)
	}
	if _, err := p.Read(t.Context(), bytes.NewReader(content(56<<10+1)), unknown); !errors.Is(err, replay.ErrNoRoom) {
		t.Errorf("unknown length: %v", err)
	}
	wantInUse(t, p, 0, 200<<10)
	held = append(held, mustRead(t, p, content(56<<10), unknown))
	wantInUse(t, p, 0, 256<<10)
	for _, b := range held {
		_ = b.Close()
	}
}

func TestRead_NoDirectoryIsNoRoomWithAPrivateCause(t *testing.T) {
	l := small(t)
	l.Dir = filepath.Join(l.Dir, "missing")
	p := newPool(t, l)
	data := content(9 << 10)
	for n := range 2000 { // more often than there may be files: none of them counts
		length := int64(len(data))
		if n%2 == 0 {
			length = unknown
		}
		_, err := p.Read(t.Context(), bytes.NewReader(data), length)
		if !errors.Is(err, replay.ErrNoRoom) || !errors.Is(err, os.ErrNotExist) || err.Error() != replay.ErrNoRoom.Error() {
			t.Fatalf("read %d: %v", n, err)
		}
	}
}

func TestRead_CallersErrorsComeBack(t *testing.T) {
	gone := errors.New("gone")
	p := newPool(t, small(t))
	for _, n := range []int{0, 1, 4096, 8 << 10, 9 << 10, 50 << 10} {
		for _, length := range []int64{int64(n) + 1, 60 << 10, unknown} {
			cut := io.MultiReader(bytes.NewReader(content(n)), iotest.ErrReader(gone))
			if _, err := p.Read(t.Context(), cut, length); !errors.Is(err, gone) {
				t.Errorf("after %d of %d bytes: %v", n, length, err)
			}
		}
		short := bytes.NewReader(content(n))
		if _, err := p.Read(t.Context(), short, int64(n)+1); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("short of %d by one: %v", n+1, err)
		}
		wantInUse(t, p, 0, 0)
	}
}

func TestRead_EndOfContext(t *testing.T) {
	p := newPool(t, small(t))
	for _, length := range []int64{50 << 10, 5 << 10, unknown} {
		ctx, cancel := context.WithCancel(t.Context())
		r := io.MultiReader(bytes.NewReader(content(4<<10)), readFunc(func([]byte) (int, error) { cancel(); return 0, nil }))
		if _, err := p.Read(ctx, r, length); !errors.Is(err, context.Canceled) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestRead_AReaderWithoutProgressEnds(t *testing.T) {
	p := newPool(t, small(t))
	stuck := readFunc(func([]byte) (int, error) { return 0, nil })
	if _, err := p.Read(t.Context(), stuck, unknown); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v", err)
	}
}

func TestRead_APanicOfTheReaderGivesTheRoomBack(t *testing.T) {
	p := newPool(t, small(t))
	for _, length := range []int64{8 << 10, 50 << 10, unknown} {
		func() {
			defer func() { _ = recover() }()
			r := io.MultiReader(bytes.NewReader(content(4<<10)), readFunc(func([]byte) (int, error) { panic("reader") }))
			_, _ = p.Read(t.Context(), r, length)
			t.Error("no panic")
		}()
		wantInUse(t, p, 0, 0)
	}
}

func TestRead_ManyAtOnceKeepWithinTheBudgets(t *testing.T) {
	l := small(t)
	p := newPool(t, l)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 100 {
				oneOfMany(t, p, l, random)
			}
		})
	}
	wg.Wait()
}

func oneOfMany(t *testing.T, p *replay.Pool, l replay.Limits, random *rand.Rand) {
	data := content(random.IntN(40 << 10))
	length := int64(len(data))
	if random.IntN(2) == 0 {
		length = unknown
	}
	b, err := p.Read(t.Context(), bytes.NewReader(data), length)
	if memory, disk := p.InUse(); memory > l.MemoryTotal || disk > l.DiskTotal {
		t.Errorf("in use: memory %d, disk %d", memory, disk)
	}
	if errors.Is(err, replay.ErrNoRoom) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	wantContent(t, b, data)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(uint32(0), uint16(1), false, uint64(1))
	f.Add(uint32(4096), uint16(4096), true, uint64(2))
	f.Add(uint32(8192), uint16(1), false, uint64(3))
	f.Add(uint32(8193), uint16(7), true, uint64(4))
	f.Add(uint32(100<<10), uint16(60000), true, uint64(5))
	l := small(f)
	p := newPool(f, l)
	f.Fuzz(func(t *testing.T, size uint32, chunk uint16, known bool, seed uint64) {
		data := content(int(size % (100<<10 + 1)))
		length := int64(unknown)
		if known {
			length = int64(len(data))
		}
		random := rand.New(rand.NewPCG(seed, seed))
		rest := data
		r := readFunc(func(p []byte) (int, error) {
			n := copy(p, rest[:min(random.IntN(int(chunk)+2), len(rest))])
			rest = rest[n:]
			if len(rest) == 0 && random.IntN(2) == 0 {
				return n, io.EOF
			}
			return n, nil
		})
		b, err := p.Read(t.Context(), r, length)
		if err != nil {
			t.Fatal(err)
		}
		wantContent(t, b, data)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		wantInUse(t, p, 0, 0)
	})
}
