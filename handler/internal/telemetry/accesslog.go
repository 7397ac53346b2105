package telemetry

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

const (
	// StatusCallerLeft is what the log says of a request whose caller did not wait for its answer (nginx's convention).
	StatusCallerLeft = 499
	// providerName is the name that OpenTelemetry gives Azure OpenAI.
	providerName = "azure.ai.openai"
)

// Observer is told of each call to /openai when its answer is over. It is called by many requests at once, and must not
// keep the record.
type Observer interface {
	// Observe gets the status as the log has it; firstByte is 0 where the caller got nothing.
	Observe(record *Record, status int, firstByte time.Duration)
}

// AccessLog writes one line per request when its answer is over, however it ends, and tells the observer of it; nil is
// none. The readiness ping and looks at the status are logged at debug level only.
func AccessLog(log zerolog.Logger, observer Observer) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			ctx, record := WithRecord(r.Context())
			timed := &firstByte{WrapResponseWriter: middleware.NewWrapResponseWriter(w, r.ProtoMajor), begin: begin}
			defer func() {
				took, status := time.Since(begin), finish(r, record, timed)
				if observer != nil && isCall(r) {
					observer.Observe(record, status, timed.after)
				}
				access(log, r, record, timed, status, took)
			}()
			next.ServeHTTP(timed, r.WithContext(ctx))
		})
	}
}

func isCall(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/openai/") }

// firstByte notes when the answer began.
type firstByte struct {
	middleware.WrapResponseWriter
	begin time.Time
	after time.Duration
}

func (f *firstByte) Write(p []byte) (int, error) {
	if f.after == 0 {
		f.after = time.Since(f.begin)
	}
	return f.WrapResponseWriter.Write(p)
}

// finish finds the status that the log says.
func finish(r *http.Request, record *Record, w *firstByte) int {
	if r.Context().Err() != nil && record.Operation != "" && !record.Complete {
		record.Outcome = "caller_left"
		return StatusCallerLeft
	}
	return w.Status()
}

func access(log zerolog.Logger, r *http.Request, record *Record, w *firstByte, status int, took time.Duration) {
	event := log.Info()
	switch r.URL.Path {
	case "/", "/status", "/status.json":
		event = log.Debug()
	}
	event.Str("event", "request").Str("http.request.method", r.Method).Int("http.response.status_code", status).
		Int("bytes", w.BytesWritten()).Int64("request_bytes", record.RequestSize).
		Float64("duration_ms", milliseconds(took)).Float64("first_byte_ms", milliseconds(w.after))
	if isCall(r) {
		event.Str("gen_ai.provider.name", providerName)
	}
	optional(event, "gen_ai.operation.name", record.Operation)
	optional(event, "gen_ai.request.model", record.Deployment)
	record.Usage.log(event)
	if record.Stream {
		event.Bool("stream", true)
	}
	optional(event, "backend", record.Backend)
	optional(event, "turn", record.Turn)
	optional(event, "error.type", record.Code)
	optional(event, "outcome", record.Outcome)
	optional(event, "caller", r.Header.Get("X-Aoai-Caller"))
	optional(event, "invocation_id", r.Header.Get("X-Azure-Functions-InvocationId"))
	optional(event, "trace_id", traceID(r.Header.Get("Traceparent")))
	if n := record.maybeBilled(); n > 0 {
		event.Int("maybe_billed", n)
	}
	event.Array("attempts", attempts(record.Attempts)).Send()
}

func (u Usage) log(event *zerolog.Event) {
	if !u.Told {
		return
	}
	tokens := func(key string, n int64) {
		if n >= 0 {
			event.Int64(key, n)
		}
	}
	tokens("gen_ai.usage.input_tokens", u.Input)
	tokens("gen_ai.usage.output_tokens", u.Output)
	tokens("gen_ai.usage.cache_read.input_tokens", u.CacheRead)
}

func optional(event *zerolog.Event, key, value string) {
	if value != "" {
		event.Str(key, value)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// traceID takes the trace id out of a W3C traceparent (https://www.w3.org/TR/trace-context/#traceparent-header).
func traceID(traceparent string) string {
	const from, to = 3, 3 + 32
	if len(traceparent) < to {
		return ""
	}
	return traceparent[from:to]
}

type attempts []Attempt

func (as attempts) MarshalZerologArray(list *zerolog.Array) {
	for _, a := range as {
		list.Object(a)
	}
}

// MarshalZerologObject writes the attempt as the access log shows it.
func (a Attempt) MarshalZerologObject(e *zerolog.Event) {
	e.Str("backend", a.Backend).Int("status", a.Status).Str("outcome", a.Outcome).Float64("duration_ms", milliseconds(a.Duration))
	if a.Wait > 0 {
		e.Float64("wait_ms", milliseconds(a.Wait))
	}
	if a.Cooldown > 0 {
		e.Float64("cooldown_ms", milliseconds(a.Cooldown))
	}
	if a.MaybeBilled {
		e.Bool("maybe_billed", true)
	}
}
