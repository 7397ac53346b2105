package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	vaultVersions = 10   // kept of a secret
	vaultSecrets  = 1000 // names that are counted: anyone can make them up
)

var vaultName = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// vaultSecret is one secret by name: its versions, newest last. Without any it has only been asked for.
type vaultSecret struct {
	versions []vaultVersion
	script   vaultScript
	requests int
}

type vaultVersion struct {
	id, value string
	created   time.Time
}

func (s *vaultSecret) version(id string) (vaultVersion, bool) {
	for _, version := range slices.Backward(s.versions) {
		if id == "" || id == version.id {
			return version, true
		}
	}
	return vaultVersion{}, false
}

// SetSecret stores a new version of a secret. As in Azure, names are the same in upper and lower case.
func (v *Vault) SetSecret(name, value string) {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.secretNamed(name)
	s.versions = append(s.versions, vaultVersion{hex.EncodeToString(id), value, time.Now()})
	s.versions = s.versions[max(0, len(s.versions)-vaultVersions):]
}

// secretNamed gives a secret and makes it where it is new. Hold the lock.
func (v *Vault) secretNamed(name string) *vaultSecret {
	name = strings.ToLower(name)
	s := v.secrets[name]
	if s == nil {
		s = &vaultSecret{}
		v.secrets[name] = s
	}
	return s
}

// secretsHandler is the part of Key Vault's REST API that reads a secret.
// Source: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret and authentication-requests-and-responses there.
func (v *Vault) secretsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /secrets/{name}", v.getSecret)
	mux.HandleFunc("GET /secrets/{name}/{version}", v.getSecret)
	mux.HandleFunc("GET /secrets/{name}/{$}", v.getSecret) // what SDKs send for the newest version
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		vaultRefuse(w, http.StatusNotFound, "NotFound", "Only reading a secret is known here.", "")
	})
	return mux
}

func (v *Vault) getSecret(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !v.ValidToken(token, v.resource()) {
		v.sendChallenge(w)
		return
	}
	name := r.PathValue("name")
	found, version, step := v.look(name, r.PathValue("version"))
	if v.play(w, r, step) {
		return
	}
	switch {
	case r.URL.Query().Get("api-version") == "":
		vaultRefuse(w, http.StatusBadRequest, "BadParameter", "The query has no api-version.", "")
	case !vaultName.MatchString(name):
		vaultRefuse(w, http.StatusBadRequest, "BadParameter", "The secret's name has a character that none may have.", "")
	case !found:
		vaultRefuse(w, http.StatusNotFound, "SecretNotFound", "This key vault has no such secret.", "")
	default:
		v.sendSecret(w, name, version)
	}
}

// look counts the request and finds its secret.
func (v *Vault) look(name, id string) (found bool, version vaultVersion, step VaultStep) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.secrets) >= vaultSecrets && v.secrets[strings.ToLower(name)] == nil {
		return false, version, v.everySecret.next()
	}
	s := v.secretNamed(name)
	s.requests++
	version, found = s.version(id)
	if len(s.script) > 0 {
		return found, version, s.script.next()
	}
	return found, version, v.everySecret.next()
}

func (v *Vault) sendChallenge(w http.ResponseWriter) {
	v.mu.Lock()
	v.challenged++
	challenge := v.challenge
	v.mu.Unlock()
	if challenge == "" {
		challenge = `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="` +
			v.resource() + `"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	vaultRefuse(w, http.StatusUnauthorized, "Unauthorized", "The request has no good bearer token.", "")
}

func (v *Vault) sendSecret(w http.ResponseWriter, name string, version vaultVersion) {
	type attributes struct {
		Enabled         bool   `json:"enabled"`
		Created         int64  `json:"created"`
		Updated         int64  `json:"updated"`
		RecoveryLevel   string `json:"recoveryLevel"`
		RecoverableDays int    `json:"recoverableDays"`
	}
	created := version.created.Unix()
	bundle, err := json.Marshal(struct {
		Value      string     `json:"value"`
		ID         string     `json:"id"`
		Attributes attributes `json:"attributes"`
	}{
		version.value,
		v.URL() + "/secrets/" + name + "/" + version.id,
		attributes{true, created, created, "Recoverable+Purgeable", 90},
	})
	if err != nil {
		vaultRefuse(w, http.StatusInternalServerError, "InternalServerError", "The secret cannot be written.", "")
		return
	}
	vaultWrite(w, http.StatusOK, string(bundle))
}

// vaultRefuse answers with Key Vault's form of an error.
func vaultRefuse(w http.ResponseWriter, status int, code, message, inner string) {
	type innerError struct {
		Code string `json:"code"`
	}
	type refusal struct {
		Code    string      `json:"code"`
		Message string      `json:"message"`
		Inner   *innerError `json:"innererror,omitempty"`
	}
	said := refusal{Code: code, Message: message}
	if inner != "" {
		said.Inner = &innerError{inner}
	}
	body, _ := json.Marshal(map[string]refusal{"error": said}) // strings only: it cannot fail
	vaultWrite(w, status, string(body))
}

func vaultWrite(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a caller that has left is no concern here
}
