package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// vaultCertificateLife is longer than any local stack runs, and soon over for a file that was left behind.
const vaultCertificateLife = 7 * vaultDay

// vaultAuthority is a certificate authority of one vault, and the one certificate that it ever signs. Both keys are in
// memory only.
type vaultAuthority struct {
	certificate *x509.Certificate
	server      tls.Certificate
}

func newVaultAuthority() (*vaultAuthority, error) {
	root := vaultTemplate("Vault stand-in authority")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	authority, err := vaultSign(root, root, rootKey, rootKey)
	if err != nil {
		return nil, err
	}
	leaf := vaultTemplate("127.0.0.1")
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	server, err := vaultSign(leaf, authority, key, rootKey)
	if err != nil {
		return nil, err
	}
	return &vaultAuthority{
		certificate: authority,
		server:      tls.Certificate{Certificate: [][]byte{server.Raw}, PrivateKey: key, Leaf: server},
	}, nil
}

func vaultTemplate(name string) *x509.Certificate {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour), // clocks of containers differ
		NotAfter:     time.Now().Add(vaultCertificateLife),
	}
}

func vaultSign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (a *vaultAuthority) write(dir string) (path string, err error) {
	path = filepath.Join(dir, "vault-authority.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	return path, os.WriteFile(path, block, 0o600)
}
