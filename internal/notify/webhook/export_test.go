package webhook

import (
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Hasten shortens the timeout.
func (s *Sender) Hasten(d time.Duration) { s.client.Timeout = d }

// Resolve sets the test's name server.
func (s *Sender) Resolve(r *net.Resolver) { s.dialer.Resolver = r }

// Trust accepts a test server's certificate.
func (s *Sender) Trust(pool *x509.CertPool) {
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		panic("another transport")
	}
	transport.TLSClientConfig.RootCAs = pool
}
