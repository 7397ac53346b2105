package status

import "time"

// Document is /status.json. Fields may be added; one that is here keeps its name and its meaning for as long as Schema is 1.
// Times of day are the instance's own; what counts down or up is given in milliseconds, so that a reader's clock does not
// matter.
type Document struct {
	Schema      int          `json:"schema"`
	GeneratedAt time.Time    `json:"generated_at"`
	Scope       string       `json:"scope"` // whose figures: "instance" or "fleet"
	Window      Window       `json:"window"`
	Instance    Instance     `json:"instance"`
	Process     Process      `json:"process"`
	Counter     Counter      `json:"counter"`
	Backends    []Backend    `json:"backends"` // in the order of the settings
	Answers     Answers      `json:"answers"`  // of all deployments, since the start
	Recent      Answers      `json:"recent_answers"`
	Deployments []Deployment `json:"deployments"` // a page of them: those with a backend that is out, then the busiest
	Page        Paging       `json:"page"`
	Fleet       Fleet        `json:"fleet"`
}

// Window is what "recent" means: the last Seconds, in steps of StepSeconds.
type Window struct {
	Seconds     int `json:"seconds"`
	StepSeconds int `json:"step_seconds"`
}

// Instance is one process of the fleet.
type Instance struct {
	ID        string    `json:"id"` // chosen by chance at its start
	Self      bool      `json:"self"`
	StartedAt time.Time `json:"started_at"`
	AgeMS     int64     `json:"age_ms"` // of its figures
	Answers   Answers   `json:"answers"`
}

// Process is the state of the instance's process.
type Process struct {
	Goroutines     int    `json:"goroutines"`
	HeapBytes      uint64 `json:"heap_bytes"`      // live objects and those not yet collected
	MemoryBytes    uint64 `json:"memory_bytes"`    // that the runtime holds of the system
	Allocations    uint64 `json:"allocations"`     // objects, since the start
	AllocatedBytes uint64 `json:"allocated_bytes"` // since the start
	BodiesMemory   int64  `json:"bodies_memory_bytes"`
	BodiesDisk     int64  `json:"bodies_disk_bytes"`
}

// Counter is where turns come from.
type Counter struct {
	Kind        string `json:"kind"`  // "table" or "memory"
	State       string `json:"state"` // "shared", "local" while storage does not answer, or "memory"
	Deployments int    `json:"deployments"`
	Claims      uint64 `json:"claims"` // updates of a row
	Conflicts   uint64 `json:"conflicts"`
	Failures    uint64 `json:"failures"`
	TableTurns  uint64 `json:"table_turns"`
	LocalTurns  uint64 `json:"local_turns"`
}

// Backend is one of the settings' backends with its figures over all deployments.
type Backend struct {
	Name       string     `json:"name"`
	Priority   int        `json:"priority"`
	Weight     int        `json:"weight"`
	Credential Credential `json:"credential"`
	Total      Figures    `json:"total"`
	Recent     Figures    `json:"recent"`
}

// Credential says whether a backend's credential is at hand, never what it is.
type Credential struct {
	Kind    string `json:"kind"`             // "key", "secret" or "entra"
	Ready   bool   `json:"ready"`            // one that has not expired is at hand
	AgeMS   *int64 `json:"age_ms,omitempty"` // since it was read; absent for a literal key and before the first reading
	Problem string `json:"problem,omitempty"`
}

// Answers counts what callers got.
type Answers struct {
	OK        uint64 `json:"ok"`        // 2xx and 3xx
	Rejected  uint64 `json:"rejected"`  // 4xx but 429
	Throttled uint64 `json:"throttled"` // 429
	Failed    uint64 `json:"failed"`    // 5xx, and streams that broke
	Left      uint64 `json:"caller_left"`
	Failovers uint64 `json:"failovers"` // of those under OK: that another backend than the first served
}

// Figures are those of one backend, or of one deployment there. Attempts that callers ended are in Attempts alone.
type Figures struct {
	Attempts     uint64   `json:"attempts"`
	Served       uint64   `json:"served"`    // answers that went to the caller
	Throttled    uint64   `json:"throttled"` // 429
	Failed       uint64   `json:"failed"`    // 5xx, 408, no connection, no answer in time
	Refused      uint64   `json:"refused"`   // for the credential, or because there was none
	Missing      uint64   `json:"missing"`   // no such deployment there
	MovedOn      uint64   `json:"moved_on"`  // calls that went on to another backend
	InputTokens  uint64   `json:"input_tokens"`
	OutputTokens uint64   `json:"output_tokens"`
	FirstByte    *Latency `json:"first_byte_ms,omitempty"` // of the answers served; of recent ones only
}

// Latency is a distribution in milliseconds, exact to about a tenth of the value.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
}

// Deployment is what one deployment's callers and backends did.
type Deployment struct {
	Name     string                `json:"name"` // as callers say it; "*" for calls that name none; "…" for names that do not fit
	Answers  Answers               `json:"answers"`
	Recent   Answers               `json:"recent_answers"`
	Backends []DeploymentAtBackend `json:"backends"` // those that may serve it, in the order of the settings
}

// DeploymentAtBackend is a deployment's state and figures at one backend. The state is always that of the instance which
// answers.
type DeploymentAtBackend struct {
	Name string `json:"name"`
	// State is "ready"; "cooling" until a time; "broken" until the next probe; "probing" while that is under way; or
	// "drained", which is a weight of 0.
	State         string    `json:"state"`
	Cause         string    `json:"cause,omitempty"` // of what is not ready: "throttled", "failed", "unauthorized" or "missing"
	RemainingMS   int64     `json:"remaining_ms,omitempty"`
	IntendedShare float64   `json:"intended_share"`  // by weight, in its tier
	Share         *float64  `json:"share,omitempty"` // of the recent answers; absent where there were none
	Total         Figures   `json:"total"`
	Recent        Figures   `json:"recent"`
	History       *History  `json:"history,omitempty"`
	Headroom      *Headroom `json:"headroom,omitempty"`
}

// History is one number for each step of the window, the oldest first.
type History struct {
	Served    []uint32 `json:"served"`
	Throttled []uint32 `json:"throttled"`
	Failed    []uint32 `json:"failed"`
}

// Headroom is what the backend's last answer said of its limits: x-ratelimit-remaining-requests and -tokens, -limit-…,
// and for provisioned deployments azure-openai-deployment-utilization.
type Headroom struct {
	AgeMS              int64    `json:"age_ms"`
	RemainingRequests  *int64   `json:"remaining_requests,omitempty"`
	RemainingTokens    *int64   `json:"remaining_tokens,omitempty"`
	LimitRequests      *int64   `json:"limit_requests,omitempty"`
	LimitTokens        *int64   `json:"limit_tokens,omitempty"`
	UtilizationPercent *float64 `json:"utilization_percent,omitempty"`
}

// Paging says which of the deployments are in the document.
type Paging struct {
	Offset int    `json:"offset"`
	Limit  int    `json:"limit"`
	Count  int    `json:"count"`           // of all that match
	Query  string `json:"query,omitempty"` // a part of the name
}

// Fleet is what is known of the other instances.
type Fleet struct {
	State     string     `json:"state"` // "shared"; "alone" without a table; "unreachable" while the table does not answer
	AgeMS     int64      `json:"age_ms"`
	Instances []Instance `json:"instances"` // with traffic in the last minutes, this one first
	More      int        `json:"more"`      // instances that are counted in, and not listed
}
