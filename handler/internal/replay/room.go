package replay

import (
	"errors"
	"os"
	"slices"
	"sync/atomic"
)

// budget is an amount that may be taken up to a limit.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take never overshoots, not even for a moment: a body that fits is not refused for one that does not.
func (b *budget) take(n int64) bool {
	for {
		used := b.used.Load()
		if n > b.limit-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// buffer is memory for one body. size is the place of its length in Pool.sizes.
type buffer struct {
	bytes []byte
	size  int
}

// bufferSizes gives 1 KiB, and from there four sizes to each doubling, up to largest, so that no more than a fifth of a
// buffer of a known length stays unused.
func bufferSizes(largest int) []int {
	if largest <= 0 {
		return nil
	}
	var sizes []int
	for octave := 1 << 10; octave < largest; octave *= 2 {
		for quarter := range 4 {
			if size := octave + quarter*octave/4; size < largest {
				sizes = append(sizes, size)
			}
		}
	}
	return append(sizes, largest)
}

// takeBuffer gives a buffer of at least n bytes; nil where n is over the limit for memory or the memory is used up.
func (p *Pool) takeBuffer(n int64) *buffer {
	if n > p.limits.Memory {
		return nil
	}
	i, _ := slices.BinarySearch(p.sizes, int(n))
	if !p.memory.take(int64(p.sizes[i])) {
		return nil
	}
	if b, ok := p.idle[i].Get().(*buffer); ok {
		return b
	}
	return &buffer{bytes: make([]byte, p.sizes[i]), size: i}
}

func (p *Pool) giveBuffer(b *buffer) {
	size := int64(len(b.bytes))
	p.idle[b.size].Put(b)
	p.memory.give(size)
}

// reserve takes room on the disk.
func (b *Body) reserve(n int64) bool {
	if !b.pool.disk.take(n) {
		return false
	}
	b.reserved += n
	return true
}

// write appends to the body's file, and reserves what is not reserved yet.
func (b *Body) write(chunk []byte) error {
	end := b.length + int64(len(chunk))
	if end > b.pool.limits.Max {
		return ErrTooLarge
	}
	if end > b.reserved && !b.reserve(end-b.reserved) {
		return ErrNoRoom
	}
	if b.file == nil {
		if err := b.spill(); err != nil {
			return err
		}
	}
	if _, err := b.file.Write(chunk); err != nil {
		return &noRoom{err}
	}
	b.length = end
	return nil
}

// spill makes the file and moves to it what is in memory.
func (b *Body) spill() error {
	if !b.pool.files.take(1) {
		return ErrNoRoom
	}
	file, err := createTemp(b.pool.limits.Dir)
	if err != nil {
		b.pool.files.give(1)
		return &noRoom{err}
	}
	b.file = file
	if b.buffer == nil {
		return nil
	}
	if _, err := file.Write(b.buffer.bytes[:b.length]); err != nil {
		return &noRoom{err}
	}
	b.pool.giveBuffer(b.buffer)
	b.buffer = nil
	return nil
}

func createTemp(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "request-body-*")
	if err != nil {
		return nil, err
	}
	if err := hideTemp(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// noRoom is an ErrNoRoom that a file's failure caused. The cause can be tested for but is never in the text, since it
// holds the file's path.
type noRoom struct{ cause error }

func (e *noRoom) Error() string   { return ErrNoRoom.Error() }
func (e *noRoom) Unwrap() []error { return []error{ErrNoRoom, e.cause} }
