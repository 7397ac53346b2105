// Package telemetry writes one JSON line per event and per request.
package telemetry

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// NewLogger writes JSON lines in ASCII to w at the given level (debug, info, warn, error) and above. The Functions
// host reads a handler's output line by line and knows nothing of its encoding.
func NewLogger(w io.Writer, level string) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		return zerolog.Nop(), err
	}
	return zerolog.New(ascii{w}).Level(l).With().Timestamp().Logger(), nil
}

// ascii escapes what is not ASCII as JSON does: in a JSON line such characters stand only inside strings.
type ascii struct{ w io.Writer }

func (a ascii) Write(line []byte) (int, error) {
	i := 0
	for i < len(line) && line[i] < utf8.RuneSelf {
		i++
	}
	if i == len(line) {
		return a.w.Write(line)
	}
	out := append(make([]byte, 0, len(line)+64), line[:i]...)
	for _, r := range string(line[i:]) {
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	if _, err := a.w.Write(out); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Go starts goroutines whose panics are logged and go no further: one that ended the process would be met again by
// every restart, until the Functions host gives up.
func Go(log zerolog.Logger) func(func()) {
	return func(f func()) {
		go func() {
			defer Recovered(log)
			f()
		}()
	}
}

// Recovered is deferred where a panic must not go further.
func Recovered(log zerolog.Logger) {
	if p := recover(); p != nil {
		LogPanic(log, p)
	}
}

// LogPanic logs where a recovered panic came from. Only the runtime's own words are shown: another value might hold
// what must not be logged.
func LogPanic(log zerolog.Logger, p any) {
	what := fmt.Sprintf("%T", p)
	if err, ok := p.(runtime.Error); ok {
		what = err.Error()
	}
	log.Error().Str("event", "panic").Str("panic", what).Bytes("stack", debug.Stack()).Send()
}
