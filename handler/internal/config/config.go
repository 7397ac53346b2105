// Package config turns the environment into checked settings and reports every problem at once.
package config

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Config is what the environment says, checked. It is immutable and safe for concurrent use.
type Config struct {
	Addr              string // 127.0.0.1 and the port that the Functions host chose
	Backends          []Backend
	KeyVaultURI       string
	Counter           Connection
	CounterTable      string
	MaxRetries        int           // attempts after the first
	RetryInterval     time.Duration // longest wait before a backend is tried again
	RetryStatus       StatusSet
	CooldownDefault   time.Duration
	CooldownMax       time.Duration
	RequestTimeout    time.Duration // to the first byte of the answer, over all attempts
	AttemptTimeout    time.Duration // to response headers; 0: what is left of RequestTimeout
	StreamIdleTimeout time.Duration
	MaxBodyBytes      int64
	StickyKey         string // member of a request's body; empty: off
	LogLevel          string
}

// Connection is a Functions-style connection to Table Storage. The zero value means that none is configured.
type Connection struct {
	ConnectionString string // secret
	ServiceURI       string // used with an identity where there is no connection string
	ClientID         string // user-assigned identity; empty: the process's own
}

// Configured reports whether there is anything to connect to.
func (c Connection) Configured() bool { return c.ConnectionString != "" || c.ServiceURI != "" }

// Setting describes one app setting, for the documents and templates that must list them all.
type Setting struct {
	Name    string
	Default string // as a person writes it; empty: none
}

// Settings lists every app setting that Load reads, in the order of the documentation.
func Settings() []Setting {
	return []Setting{
		{"OPENAI_BACKENDS", ""},
		{"KEY_VAULT_URI", ""},
		{"COUNTER_CONNECTION", "AzureWebJobsStorage"},
		{"COUNTER_TABLE", "backendcounter"},
		{"MAX_RETRIES", "3"},
		{"RETRY_INTERVAL", "5s"},
		{"RETRY_STATUS", "401,403,408,429,500-599"},
		{"COOLDOWN_DEFAULT", "10s"},
		{"COOLDOWN_MAX", "2m"},
		{"REQUEST_TIMEOUT", "220s"},
		{"ATTEMPT_TIMEOUT", "0"},
		{"STREAM_IDLE_TIMEOUT", "200s"},
		{"MAX_BODY_BYTES", "100 MiB"},
		{"STICKY_KEY", ""},
		{"LOG_LEVEL", "info"},
	}
}

// Load reads all settings through getenv. Its error joins one error a problem; each names its setting and none shows
// a secret.
func Load(getenv func(string) string) (Config, error) {
	r := newReader(getenv)
	c := Config{
		Addr:              net.JoinHostPort("127.0.0.1", r.port()),
		Backends:          r.backends("OPENAI_BACKENDS"),
		KeyVaultURI:       r.vaultURI("KEY_VAULT_URI"),
		Counter:           r.connection("COUNTER_CONNECTION"),
		CounterTable:      r.tableName("COUNTER_TABLE"),
		MaxRetries:        r.integer("MAX_RETRIES", 0, 100),
		RetryInterval:     r.duration("RETRY_INTERVAL", 0, time.Minute),
		RetryStatus:       r.statusSet("RETRY_STATUS"),
		CooldownDefault:   r.duration("COOLDOWN_DEFAULT", time.Millisecond, time.Hour),
		CooldownMax:       r.duration("COOLDOWN_MAX", time.Millisecond, time.Hour),
		RequestTimeout:    r.duration("REQUEST_TIMEOUT", time.Second, time.Hour),
		AttemptTimeout:    r.duration("ATTEMPT_TIMEOUT", 0, time.Hour),
		StreamIdleTimeout: r.duration("STREAM_IDLE_TIMEOUT", time.Second, time.Hour),
		MaxBodyBytes:      r.bytes("MAX_BODY_BYTES"),
		StickyKey:         r.field("STICKY_KEY"),
		LogLevel:          r.oneOf("LOG_LEVEL", "debug", "info", "warn", "error"),
	}
	r.together(c)
	return c, errors.Join(r.problems...)
}

// reader collects problems, so that one start-up reports them all.
type reader struct {
	getenv   func(string) string
	defaults map[string]string
	problems []error
}

func newReader(getenv func(string) string) *reader {
	r := &reader{getenv: getenv, defaults: map[string]string{}}
	for _, s := range Settings() {
		r.defaults[s.Name] = s.Default
	}
	return r
}

func (r *reader) get(name string) string {
	if v := r.getenv(name); v != "" {
		return v
	}
	return r.defaults[name]
}

func (r *reader) problem(name, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
}

// together checks what no setting can be blamed for alone.
func (r *reader) together(c Config) {
	for _, b := range c.Backends {
		if b.Secret != "" && c.KeyVaultURI == "" && r.getenv("KEY_VAULT_URI") == "" {
			r.problem("KEY_VAULT_URI", "is required: backend %q takes its key from a Key Vault secret", b.Name)
			break
		}
	}
	if c.CooldownDefault > c.CooldownMax && c.CooldownMax > 0 {
		r.problem("COOLDOWN_DEFAULT", "%v is longer than COOLDOWN_MAX (%v)", c.CooldownDefault, c.CooldownMax)
	}
	if c.AttemptTimeout > c.RequestTimeout && c.RequestTimeout > 0 {
		r.problem("ATTEMPT_TIMEOUT", "%v is longer than REQUEST_TIMEOUT (%v)", c.AttemptTimeout, c.RequestTimeout)
	}
}
