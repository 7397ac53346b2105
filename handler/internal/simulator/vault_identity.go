package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const vaultIdentityPath = "/msi/token"

// vaultClaims are a token's content. Its form is a JSON Web Token's, though only this vault can check it.
type vaultClaims struct {
	Audience string `json:"aud"`
	Client   string `json:"appid,omitempty"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
}

// SetTokenLifetime sets how long the tokens given from now on are good for. It is a day at first, as in Azure.
func (v *Vault) SetTokenLifetime(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lifetime = d
}

// RevokeTokens makes all tokens given so far worthless.
func (v *Vault) RevokeTokens() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signing = []byte(rand.Text())
}

// ValidToken reports whether the identity endpoint gave this token for this resource and it is still good. So another
// server can accept the tokens too, such as a backend that takes Entra tokens.
func (v *Vault) ValidToken(token, resource string) bool {
	content, signature, ok := strings.Cut(strings.TrimPrefix(token, vaultTokenHeader()), ".")
	if !ok || !hmac.Equal([]byte(signature), []byte(v.sign(content))) {
		return false
	}
	var claims vaultClaims
	data, err := base64.RawURLEncoding.DecodeString(content)
	if err != nil || json.Unmarshal(data, &claims) != nil {
		return false
	}
	return claims.Audience == resource && time.Now().Unix() < claims.Expires
}

func vaultTokenHeader() string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "."
}

func (v *Vault) sign(content string) string {
	v.mu.Lock()
	mac := hmac.New(sha256.New, v.signing)
	v.mu.Unlock()
	mac.Write([]byte(vaultTokenHeader() + content))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (v *Vault) token(resource, client string, expires time.Time) string {
	claims, _ := json.Marshal(vaultClaims{resource, client, expires.Unix(), rand.Text()}) // no field can fail
	content := base64.RawURLEncoding.EncodeToString(claims)
	return vaultTokenHeader() + content + "." + v.sign(content)
}

// identityHandler is App Service's token endpoint.
// Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity, section on the REST endpoint.
func (v *Vault) identityHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+vaultIdentityPath, v.getToken)
	return mux
}

func (v *Vault) getToken(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !hmac.Equal([]byte(r.Header.Get("X-IDENTITY-HEADER")), []byte(v.secret)) {
		vaultRefuseToken(w, http.StatusUnauthorized, "The header X-IDENTITY-HEADER is missing or wrong.")
		return
	}
	v.mu.Lock()
	v.issued++
	step, lifetime := v.everyToken.next(), v.lifetime
	v.mu.Unlock()
	if v.play(w, r, step) {
		return
	}
	if query.Get("api-version") != "2019-08-01" || query.Get("resource") == "" {
		vaultRefuseToken(w, http.StatusBadRequest, "The query needs api-version=2019-08-01 and a resource.")
		return
	}
	v.sendToken(w, query.Get("resource"), query.Get("client_id"), time.Now().Add(lifetime))
}

func (v *Vault) sendToken(w http.ResponseWriter, resource, client string, expires time.Time) {
	answer := map[string]string{
		"access_token": v.token(resource, client, expires),
		"expires_on":   strconv.FormatInt(expires.Unix(), 10),
		"resource":     resource,
		"token_type":   "Bearer",
	}
	if client != "" {
		answer["client_id"] = client
	}
	body, _ := json.Marshal(answer) // strings only: it cannot fail
	vaultWrite(w, http.StatusOK, string(body))
}

func vaultRefuseToken(w http.ResponseWriter, status int, message string) {
	body, _ := json.Marshal(map[string]any{"statusCode": status, "message": message})
	vaultWrite(w, status, string(body))
}
