package stripegw

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
)

const (
	hidden     = "[hidden]"
	maxMessage = 500 // bytes of Stripe's message that are kept
)

// secretLike matches secrets that must not appear in a message: client secrets, keys, card numbers
// and their check numbers.
var secretLike = regexp.MustCompile(`\w+_secret_\w+|\b(?:sk|rk|whsec)_\w[\w*]*|\b\d(?:[ -]?\d){11,18}\b|(?i:\bcv[cv]2?)\W{0,8}\d{3,4}\b`)

// cleaned returns Stripe's message without secrets. Stripe masks keys itself; a proxy or a stand-in
// may not.
func (g *Gateway) cleaned(message string) string {
	message = strings.ReplaceAll(message, g.key, hidden)
	message = secretLike.ReplaceAllString(message, hidden)
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage], "") + "…"
	}
	return message
}

// transportText returns in plain words why there is no complete response. The error's own text may
// quote the URL or the server's data, so only texts that are known to be harmless are used.
func transportText(err error) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		timeout net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the call was canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "the host name can't be resolved"
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		return "the server's certificate is not trusted"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.As(err, &op):
		return opText(op)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.Is(err, errNotSent):
		return errNotSent.Error()
	case errors.Is(err, errAnswerTooLong):
		return errAnswerTooLong.Error()
	}
	return "no readable answer"
}

// opText returns text such as "dial tcp 127.0.0.1:1: connect: connection refused".
func opText(op *net.OpError) string {
	text := op.Op + " " + op.Net
	if op.Addr != nil {
		text += " " + op.Addr.String()
	}
	if call, ok := errors.AsType[*os.SyscallError](op.Err); ok {
		text += ": " + call.Error()
	}
	return text
}
