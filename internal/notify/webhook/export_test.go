package webhook

import (
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Hasten gives a try less time.
func (s *Sender) Hasten(d time.Duration) { s.client.Timeout = d }

// Resolve has names resolved by a server of the test's.
func (s *Sender) Resolve(r *net.Resolver) { s.dialer.Resolver = r }

// Trust takes a test server's certificate.
func (s *Sender) Trust(pool *x509.CertPool) {
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		panic("another transport")
	}
	transport.TLSClientConfig.RootCAs = pool
}
