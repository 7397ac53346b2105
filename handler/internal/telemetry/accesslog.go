package telemetry

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/rs/zerolog"
)

// statusCallerLeft is what the log says of a request whose caller did not wait for its answer (nginx's convention).
const statusCallerLeft = 499

// AccessLog writes one line per request when its answer is over, however it ends. The readiness ping is logged at
// debug level only.
func AccessLog(log zerolog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			ctx, record := WithRecord(r.Context())
			timed := &firstByte{WrapResponseWriter: middleware.NewWrapResponseWriter(w, r.ProtoMajor), begin: begin}
			defer func() { access(log, r, record, timed, time.Since(begin)) }()
			next.ServeHTTP(timed, r.WithContext(ctx))
		})
	}
}

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

func access(log zerolog.Logger, r *http.Request, record *Record, w *firstByte, took time.Duration) {
	event := log.Info()
	if r.URL.Path == "/" {
		event = log.Debug()
	}
	status := w.Status()
	if r.Context().Err() != nil && record.Operation != "" && !record.Complete {
		status, record.Outcome = statusCallerLeft, "caller_left"
	}
	event.Str("event", "request").Str("http.request.method", r.Method).Int("http.response.status_code", status).
		Int("bytes", w.BytesWritten()).Int64("request_bytes", record.RequestSize).
		Float64("duration_ms", milliseconds(took)).Float64("first_byte_ms", milliseconds(w.after))
	optional(event, "gen_ai.operation.name", record.Operation)
	optional(event, "gen_ai.request.model", record.Deployment)
	optional(event, "backend", record.Backend)
	optional(event, "turn", record.Turn)
	optional(event, "error.type", record.Code)
	optional(event, "outcome", record.Outcome)
	optional(event, "caller", r.Header.Get("x-aoai-caller"))
	optional(event, "invocation_id", r.Header.Get("X-Azure-Functions-InvocationId"))
	optional(event, "trace_id", traceID(r.Header.Get("Traceparent")))
	if n := record.maybeBilled(); n > 0 {
		event.Int("maybe_billed", n)
	}
	event.Array("attempts", attempts(record.Attempts)).Send()
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
	if a.MaybeBilled {
		e.Bool("maybe_billed", true)
	}
}
