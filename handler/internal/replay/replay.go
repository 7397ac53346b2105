// Package replay keeps a request's body so that every attempt can send it again.
package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
)

// Errors of [Pool.Read]. Test for them with errors.Is.
var (
	// ErrTooLarge says that the body is longer than Limits.Max: answer 413.
	ErrTooLarge = errors.New("the request's body is too large")
	// ErrNoRoom says that there is no room for the body now, in memory or on disk: answer 503 with a Retry-After.
	ErrNoRoom = errors.New("no room for the request's body")
)

// errShort is a body that ended before its length.
var errShort = callersError(io.ErrUnexpectedEOF)

const (
	defaultMemory      = 1 << 20
	defaultMemoryTotal = 64 << 20
	defaultDiskTotal   = 512 << 20
	defaultMax         = 100 << 20

	// maxFiles bounds the open temporary files. Once memory is used up even small bodies go to files, and descriptors
	// would run out long before the disk does.
	maxFiles = 1024
	// firstBuffer is what a body of unknown length gets to begin with.
	firstBuffer = 4 << 10
	// copyBuffer is for moving bytes to a file. It is not counted as a body's memory.
	copyBuffer = 32 << 10
	// maxEmptyReads is how often in a row a reader may give neither a byte nor an error.
	maxEmptyReads = 100
)

// Limits bound what a [Pool] holds, in bytes. A field that is 0 has the default given; a negative one means none at all.
type Limits struct {
	Memory      int64  // longest body kept in memory (1 MiB)
	MemoryTotal int64  // memory of all bodies together (64 MiB)
	DiskTotal   int64  // temporary files of all bodies together (512 MiB)
	Max         int64  // longest body accepted (100 MiB)
	Dir         string // where temporary files are made; "" is os.TempDir()
}

// Pool hands out the room for bodies. It is safe for concurrent use.
type Pool struct {
	limits Limits
	memory budget
	disk   budget
	files  budget

	sizes   []int       // the sizes of memory buffers, ascending
	idle    []sync.Pool // unused *buffer, one pool a size
	copying sync.Pool   // *[]byte of copyBuffer bytes
}

// NewPool gives an empty pool with these limits.
func NewPool(l Limits) *Pool {
	l.MemoryTotal = limit(l.MemoryTotal, defaultMemoryTotal)
	l.DiskTotal = limit(l.DiskTotal, defaultDiskTotal)
	l.Max = limit(l.Max, defaultMax)
	l.Memory = min(limit(l.Memory, defaultMemory), l.MemoryTotal, l.Max, math.MaxInt32)
	p := &Pool{limits: l, sizes: bufferSizes(int(l.Memory))}
	p.idle = make([]sync.Pool, len(p.sizes))
	p.memory.limit, p.disk.limit, p.files.limit = l.MemoryTotal, l.DiskTotal, maxFiles
	p.copying.New = func() any { b := make([]byte, copyBuffer); return &b }
	return p
}

func limit(given, preset int64) int64 {
	if given == 0 {
		return preset
	}
	return max(given, 0)
}

// InUse gives the bytes that bodies hold now, in memory and in temporary files. Memory counts whole buffers: 1 KiB at
// least and up to a quarter more than the body, or twice the body where its length was not known before.
func (p *Pool) InUse() (memory, disk int64) {
	return p.memory.used.Load(), p.disk.used.Load()
}

// Read takes in all of r and keeps it. length is the Content-Length, or -1 where it is not known.
//
// Errors are [ErrTooLarge] and [ErrNoRoom] (where the length is known both come before a byte is read, a full disk
// excepted), ctx.Err(), and r's own errors, wrapped; an r that ends before length is io.ErrUnexpectedEOF. After an error
// nothing is kept. Where the length is known no more than that is read. r is never closed.
func (p *Pool) Read(ctx context.Context, r io.Reader, length int64) (*Body, error) {
	if length > p.limits.Max {
		return nil, ErrTooLarge
	}
	if length == 0 || length < 0 && (r == nil || r == http.NoBody) {
		return &Body{}, nil
	}
	b := &Body{pool: p, holders: 1}
	kept := false
	defer func() { // also where r panics
		if !kept {
			_ = b.Close()
		}
	}()
	if err := b.fill(ctx, r, length); err != nil {
		return nil, err
	}
	kept = b.length > 0
	return b, nil
}

func (b *Body) fill(ctx context.Context, r io.Reader, length int64) error {
	if length > 0 {
		return b.fillKnown(ctx, r, length)
	}
	ended, err := b.fillMemory(ctx, r)
	if ended || err != nil {
		return err
	}
	return b.fillFile(ctx, r, math.MaxInt64)
}

// fillKnown reserves all the room at once: what cannot be kept is refused before it is read.
func (b *Body) fillKnown(ctx context.Context, r io.Reader, length int64) error {
	if b.buffer = b.pool.takeBuffer(length); b.buffer != nil {
		for b.length < length {
			n, ended, err := readSome(ctx, r, b.buffer.bytes[b.length:length])
			b.length += int64(n)
			if b.length < length && (ended || err != nil) {
				return cmp.Or(err, errShort)
			}
		}
		return nil
	}
	if !b.reserve(length) {
		return ErrNoRoom
	}
	if err := b.fillFile(ctx, r, length); err != nil {
		return err
	}
	if b.length < length {
		return errShort
	}
	return nil
}

// fillMemory reads until r has ended, or until no larger buffer is to be had.
func (b *Body) fillMemory(ctx context.Context, r io.Reader) (ended bool, err error) {
	for b.grow() {
		for b.length < int64(len(b.buffer.bytes)) {
			n, ended, err := readSome(ctx, r, b.buffer.bytes[b.length:])
			b.length += int64(n)
			if ended || err != nil {
				return ended, err
			}
		}
	}
	return false, nil
}

// grow doubles the buffer. Both are counted for as long as both exist.
func (b *Body) grow() bool {
	want := int64(firstBuffer)
	if b.buffer != nil {
		want = 2 * int64(len(b.buffer.bytes))
	}
	want = min(want, b.pool.limits.Memory)
	if want <= b.length {
		return false
	}
	larger := b.pool.takeBuffer(want)
	if larger == nil {
		return false
	}
	if b.buffer != nil {
		copy(larger.bytes, b.buffer.bytes[:b.length])
		b.pool.giveBuffer(b.buffer)
	}
	b.buffer = larger
	return true
}

// fillFile appends at most most bytes of r to the file. The file is made with the first byte, so that a body that just
// fits into memory never makes one.
func (b *Body) fillFile(ctx context.Context, r io.Reader, most int64) error {
	chunk := b.pool.copying.Get().(*[]byte)
	defer b.pool.copying.Put(chunk)
	for b.length < most {
		n, ended, err := readSome(ctx, r, (*chunk)[:min(copyBuffer, most-b.length)])
		if n > 0 {
			if err := b.write((*chunk)[:n]); err != nil {
				return err
			}
		}
		if ended || err != nil {
			return err
		}
	}
	return nil
}

// readSome is r.Read that heeds ctx, gives up on a reader that makes no progress and tells the end from a failure.
func readSome(ctx context.Context, r io.Reader, p []byte) (n int, ended bool, err error) {
	for range maxEmptyReads {
		if ctx.Err() != nil {
			return 0, false, callersError(ctx.Err())
		}
		n, err := r.Read(p)
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, callersError(err)
		case n > 0:
			return n, false, nil
		}
	}
	return 0, false, callersError(io.ErrNoProgress)
}

func callersError(err error) error { return fmt.Errorf("reading the request's body: %w", err) }
