package simulator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// vaultDay is how long a managed identity's token is good for in Azure.
const vaultDay = 24 * time.Hour

// Vault is a Key Vault on loopback, with the managed identity that may read it. It speaks the protocol that the Azure
// SDKs speak: secrets over TLS behind a bearer challenge, tokens over App Service's identity endpoint. A process whose
// environment has [Vault.Environment] uses it without knowing that it is not Azure's. It is safe for concurrent use.
//
// # Why its challenge names the host 0.0.1
//
// azsecrets accepts a challenge only where the vault's host ends in a dot and the challenge's resource host, port
// included: x.vault.azure.net against vault.azure.net. That is to keep tokens from a stranger's vault, and it stays on.
// The host here is 127.0.0.1, so the challenge names https://0.0.1 with the vault's port. That name is compared and is a
// token's audience, but nobody ever connects to it; so there is no name to look up and no file of hosts to edit.
type Vault struct {
	host     string // 127.0.0.1 and port
	identity string // URL of the identity endpoint
	secret   string // what the identity endpoint wants in X-IDENTITY-HEADER
	servers  []*http.Server
	closed   chan struct{}
	once     sync.Once

	authority *vaultAuthority

	mu          sync.Mutex
	certificate string // where CertificateFile last wrote
	challenge   string // instead of the right one
	signing     []byte // key that signs tokens
	lifetime    time.Duration
	secrets     map[string]*vaultSecret // by name in lower case
	everySecret vaultScript
	everyToken  vaultScript
	challenged  int
	issued      int
}

// NewVault starts a vault without secrets on two ports of 127.0.0.1, one for secrets and one for tokens.
func NewVault() (*Vault, error) {
	authority, err := newVaultAuthority()
	if err != nil {
		return nil, err
	}
	v := &Vault{
		secret:    rand.Text(),
		closed:    make(chan struct{}),
		authority: authority,
		signing:   []byte(rand.Text()),
		lifetime:  vaultDay,
		secrets:   map[string]*vaultSecret{},
	}
	secrets, err := v.serve(v.secretsHandler(), &tls.Config{
		Certificates: []tls.Certificate{authority.server},
		MinVersion:   tls.VersionTLS12,
	})
	if err != nil {
		return nil, err
	}
	tokens, err := v.serve(v.identityHandler(), nil)
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	v.host, v.identity = secrets, "http://"+tokens+vaultIdentityPath
	return v, nil
}

func (v *Vault) serve(handler http.Handler, secure *tls.Config) (address string, err error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // refused handshakes are a test's business
	}
	v.servers = append(v.servers, server)
	go func() {
		if secure != nil {
			_ = server.ServeTLS(listener, "", "")
			return
		}
		_ = server.Serve(listener)
	}()
	return listener.Addr().String(), nil
}

// Close ends both servers and every request under way.
func (v *Vault) Close() error {
	var errs []error
	v.once.Do(func() {
		close(v.closed)
		for _, server := range v.servers {
			errs = append(errs, server.Close())
		}
	})
	return errors.Join(errs...)
}

// URL is the vault's own, as in KEY_VAULT_URI.
func (v *Vault) URL() string { return "https://" + v.host }

// resource is what the vault's tokens are for.
func (v *Vault) resource() string { return "https://" + strings.TrimPrefix(v.host, "127.") }

// Environment gives what makes a process use this vault: IDENTITY_ENDPOINT, IDENTITY_HEADER, KEY_VAULT_URI and, once
// [Vault.CertificateFile] has written the file, SSL_CERT_FILE. Go heeds the last one on Linux and the BSDs; on Windows
// and macOS the system's own store decides, and the certificate has to be added there.
func (v *Vault) Environment() []string {
	environment := []string{
		"IDENTITY_ENDPOINT=" + v.identity,
		"IDENTITY_HEADER=" + v.secret,
		"KEY_VAULT_URI=" + v.URL(),
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.certificate != "" {
		environment = append(environment, "SSL_CERT_FILE="+v.certificate)
	}
	return environment
}

// CertificateFile writes the certificate of the vault's own authority to a PEM file in dir and gives its path.
func (v *Vault) CertificateFile(dir string) (string, error) {
	path, err := v.authority.write(dir)
	if err == nil {
		v.mu.Lock()
		v.certificate = path
		v.mu.Unlock()
	}
	return path, err
}

// Certificates holds the vault's own authority, for a client in the same process.
func (v *Vault) Certificates() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(v.authority.certificate)
	return pool
}

// Challenges is how many requests came without a good token.
func (v *Vault) Challenges() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.challenged
}

// Requests is how many requests with a good token asked for this secret, whatever they were answered.
func (v *Vault) Requests(name string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.secrets[strings.ToLower(name)]; s != nil {
		return s.requests
	}
	return 0
}

// Tokens is how many requests came to the identity endpoint with its header, whatever they were answered.
func (v *Vault) Tokens() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.issued
}
