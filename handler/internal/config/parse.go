package config

import (
	"errors"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

func (r *reader) port() string {
	const name = "FUNCTIONS_CUSTOMHANDLER_PORT"
	v := r.getenv(name)
	if v == "" {
		return "8080"
	}
	if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 65535 {
		r.problem(name, "%q is not a port", v)
	}
	return v
}

func (r *reader) integer(name string, lowest, highest int) int {
	n, err := strconv.Atoi(r.get(name))
	if err != nil || n < lowest || n > highest {
		r.problem(name, "%q is not a whole number from %d to %d", r.get(name), lowest, highest)
	}
	return n
}

func (r *reader) duration(name string, lowest, highest time.Duration) time.Duration {
	d, err := time.ParseDuration(r.get(name))
	if err != nil {
		r.problem(name, `%q is not a length of time such as "5s" or "500ms"`, r.get(name))
	} else if d < lowest || d > highest {
		r.problem(name, "%v is not between %v and %v", d, lowest, highest)
	}
	return d
}

func (r *reader) bytes(name string) int64 {
	n, err := humanize.ParseBytes(r.get(name))
	if err != nil || n == 0 || n > math.MaxInt64 {
		r.problem(name, `%q is not a size such as "100 MiB"`, r.get(name))
		return 0
	}
	return int64(n)
}

func (r *reader) oneOf(name string, values ...string) string {
	v := strings.ToLower(r.get(name))
	if !slices.Contains(values, v) {
		r.problem(name, "%q is not one of %s", v, strings.Join(values, ", "))
	}
	return v
}

// field is the name of a member of a request's body, or empty.
func (r *reader) field(name string) string {
	v := r.get(name)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`).MatchString(v) {
		r.problem(name, "%q is not a field of a request such as prompt_cache_key or user", v)
	}
	return v
}

// tableName enforces the naming rule of Table Storage.
func (r *reader) tableName(name string) string {
	v := r.get(name)
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{2,62}$`).MatchString(v) {
		r.problem(name, "%q is not a table name: 3 to 63 letters and digits, a letter first", v)
	}
	return v
}

func (r *reader) vaultURI(name string) string {
	v := r.get(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		r.problem(name, "is not of the form https://<vault>.vault.azure.net")
		return ""
	}
	return "https://" + u.Host
}

// connection resolves a connection's name as Azure Functions does: a connection string under the name itself, or its
// parts under <name>__<part> (https://learn.microsoft.com/azure/azure-functions/functions-reference#connections).
func (r *reader) connection(name string) Connection {
	prefix := r.get(name)
	if strings.ContainsAny(prefix, "=;") {
		r.problem(name, "is the name of a setting that holds the connection, not the connection itself")
		return Connection{}
	}
	c := Connection{ConnectionString: r.getenv(prefix), ClientID: r.getenv(prefix + "__clientId")}
	if c.ConnectionString != "" {
		if err := checkConnectionString(c.ConnectionString); err != nil {
			r.problem(name, "%s: %v", prefix, err)
		}
		return c
	}
	c.ServiceURI = r.getenv(prefix + "__tableServiceUri")
	if account := r.getenv(prefix + "__accountName"); c.ServiceURI == "" && account != "" {
		c.ServiceURI = "https://" + account + ".table.core.windows.net"
	}
	u, err := url.Parse(c.ServiceURI)
	if c.ServiceURI != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		r.problem(name, "%s__tableServiceUri or %s__accountName does not give an https address", prefix, prefix)
	}
	return c
}

// checkConnectionString looks only at which parts are there; its errors show none of them.
func checkConnectionString(s string) error {
	parts := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		key, value, _ := strings.Cut(part, "=")
		parts[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return parts[n] == "" })
	}
	if strings.EqualFold(parts["usedevelopmentstorage"], "true") || has("accountname", "accountkey") || has("tableendpoint", "sharedaccesssignature") {
		return nil
	}
	return errors.New("is not a storage connection string (AccountName and AccountKey, TableEndpoint and SharedAccessSignature, or UseDevelopmentStorage=true)")
}
