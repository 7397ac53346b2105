package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// maxBackends is how many backends a rotation can name: one bit each.
const maxBackends = 64

// Backend is one Azure OpenAI resource as configured: exactly one of Secret, Key and Entra is set.
type Backend struct {
	Name        string
	Endpoint    *url.URL // scheme and host only
	Secret      string   // name of a Key Vault secret
	Key         string   // literal; secret
	Entra       bool
	Priority    int // 1 is tried first
	Weight      int // 0 is drained
	Deployments map[string]string
}

// entry is a backend as it stands in OPENAI_BACKENDS.
type entry struct {
	Name        string            `json:"name"`
	Endpoint    string            `json:"endpoint"`
	Secret      string            `json:"secret"`
	Key         string            `json:"key"`
	Auth        string            `json:"auth"`
	Priority    *int              `json:"priority"`
	Weight      *int              `json:"weight"`
	Deployments map[string]string `json:"deployments"`
}

func (r *reader) backends(name string) []Backend {
	text := r.get(name)
	if strings.TrimSpace(text) == "" {
		r.problem(name, `is required: a JSON array such as [{"name":"westeurope","endpoint":"https://<resource>.openai.azure.com","secret":"<name>"}]`)
		return nil
	}
	entries, err := decodeEntries(text)
	if err != nil {
		r.problem(name, "%v", err)
		return nil
	}
	if len(entries) == 0 || len(entries) > maxBackends {
		r.problem(name, "holds %d backends; 1 to %d are possible", len(entries), maxBackends)
	}
	return r.checkEntries(name, entries)
}

func (r *reader) checkEntries(setting string, entries []entry) []Backend {
	var all []Backend
	seen := map[string]bool{}
	for i, e := range entries {
		b, problems := e.backend()
		if lower := strings.ToLower(e.Name); seen[lower] {
			problems = append(problems, errors.New("its name is taken by an earlier backend"))
		} else {
			seen[lower] = true
		}
		for _, p := range problems {
			r.problem(setting, "backend %d (%q): %v", i+1, e.Name, p)
		}
		all = append(all, b)
	}
	if len(all) > 0 && !anyWeight(all) {
		r.problem(setting, "every backend has weight 0: nothing would be served")
	}
	return all
}

func anyWeight(all []Backend) bool {
	for _, b := range all {
		if b.Weight > 0 {
			return true
		}
	}
	return false
}

// decodeEntries never repeats a value of the text in its error: keys may stand anywhere in a garbled array.
func decodeEntries(text string) ([]entry, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	var entries []entry
	err := d.Decode(&entries)
	if err == nil {
		if _, extra := d.Token(); !errors.Is(extra, io.EOF) {
			return nil, errors.New("something follows the JSON array")
		}
		return entries, nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("is not JSON: the mistake is at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return nil, fmt.Errorf("field %q must be a %s", kind.Field, kind.Type)
	case strings.Contains(err.Error(), "unknown field"):
		return nil, errors.New("has a field other than name, endpoint, secret, key, auth, priority, weight, deployments")
	}
	return nil, errors.New("is not a JSON array of backends; it ends too early")
}

// backendName keeps a name usable as a header value, a log field and a file name.
var backendName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (e entry) backend() (Backend, []error) {
	b := Backend{Name: e.Name, Secret: e.Secret, Key: e.Key, Entra: e.Auth == "entra", Priority: 1, Weight: 1, Deployments: e.Deployments}
	var problems []error
	say := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if !backendName.MatchString(e.Name) {
		say("name must be 1 to 63 letters, digits, '.', '_' or '-', a letter or digit first")
	}
	var err error
	if b.Endpoint, err = parseEndpoint(e.Endpoint); err != nil {
		say("%v", err)
	}
	problems = append(problems, e.checkCredential()...)
	if e.Priority != nil {
		b.Priority = *e.Priority
	}
	if e.Weight != nil {
		b.Weight = *e.Weight
	}
	if b.Priority < 1 || b.Priority > 1000 {
		say("priority must be from 1 (first) to 1000")
	}
	if b.Weight < 0 || b.Weight > 100 {
		say("weight must be from 0 (drained) to 100")
	}
	for caller, own := range e.Deployments {
		if caller == "" || own == "" {
			say("deployments maps an empty name")
		}
	}
	return b, problems
}

func (e entry) checkCredential() []error {
	var problems []error
	if e.Auth != "" && e.Auth != "entra" {
		problems = append(problems, errors.New(`auth can only be "entra"`))
	}
	given := 0
	for _, set := range []bool{e.Secret != "", e.Key != "", e.Auth != ""} {
		if set {
			given++
		}
	}
	if given != 1 {
		problems = append(problems, errors.New(`exactly one of secret, key and auth: "entra" is needed`))
	}
	if e.Secret != "" && !regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`).MatchString(e.Secret) {
		problems = append(problems, errors.New("secret must be a Key Vault secret's name: letters, digits and '-'"))
	}
	if strings.ContainsFunc(e.Key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		problems = append(problems, errors.New("key holds a character that a header cannot carry"))
	}
	return problems
}

// parseEndpoint accepts plain http only on loopback, where local backends run: a key must not cross a network in clear.
func parseEndpoint(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("endpoint must be of the form https://<resource>.openai.azure.com")
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("endpoint must end after the host: the caller's path is appended to it")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, errors.New("endpoint must be https (http is for loopback only)")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
