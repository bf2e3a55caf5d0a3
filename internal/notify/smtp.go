package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

const (
	submissionPort  = 587 // RFC 6409
	submissionsPort = 465 // RFC 8314

	// DefaultMailTimeout limits the delivery of one mail if SMTPConfig sets no timeout.
	DefaultMailTimeout = 30 * time.Second
)

// SMTPConfig configures the delivery of mails.
type SMTPConfig struct {
	// URL is smtp://USER:PASSWORD@HOST:PORT or smtps://. smtp:// uses STARTTLS if the server offers it
	// (?tls=required always, ?tls=none never); smtps:// uses TLS from the start. Without a user there
	// is no login. The password is never sent without TLS, except with ?tls=none.
	URL     string
	From    string           // sender: an address, with or without a name
	Timeout time.Duration    // of one mail, 0 means DefaultMailTimeout
	TLS     *tls.Config      // nil means the system's certificate authorities
	Now     func() time.Time // for the Date header; nil means the real clock
}

// String hides the password from logs.
func (SMTPConfig) String() string { return "notify.SMTPConfig" }

// GoString hides the password from %#v.
func (SMTPConfig) GoString() string { return "notify.SMTPConfig" }

// SMTP delivers mails to a server over pooled connections. It is safe for concurrent use.
type SMTP struct {
	host     string
	implicit bool // TLS from the start
	from     string
	password string
	timeout  time.Duration
	tls      *tls.Config
	now      func() time.Time
	options  []mail.Option
	listID   string
	pool     *pool
}

var _ billing.Mailer = (*SMTP)(nil)

// String names the server and hides the password.
func (s *SMTP) String() string { return "SMTP " + s.host }

// GoString hides the password from %#v.
func (s *SMTP) GoString() string { return s.String() }

// NewSMTP parses the configuration. It does not connect. Its errors do not repeat the URL, which
// may contain a password.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, errors.New("mail server: not an smtp:// or smtps:// URL; is the password percent-encoded?")
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil || mail.NewMsg().From(c.From) != nil {
		return nil, fmt.Errorf("mail server: sender %.80q is not a mail address", c.From)
	}
	s := &SMTP{
		host: u.Hostname(), implicit: u.Scheme == "smtps", from: c.From, timeout: c.Timeout, tls: c.TLS, now: c.Now,
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	s.listID = "<notices." + domain + ">"
	s.pool = newPool(s.connect)
	s.password, _ = u.User.Password()
	if s.timeout <= 0 {
		s.timeout = DefaultMailTimeout
	}
	if s.now == nil {
		s.now = clock.Clock{}.Now
	}
	if s.tls == nil {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	s.tls = s.tls.Clone()
	s.tls.ServerName = s.host
	if s.options, err = s.clientOptions(u); err != nil {
		return nil, err
	}
	return s, nil
}

// clientOptions returns go-mail's options for the URL.
func (s *SMTP) clientOptions(u *url.URL) ([]mail.Option, error) {
	port := submissionPort
	if s.implicit {
		port = submissionsPort
	}
	if u.Port() != "" {
		var err error
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("mail server: the port is not a number")
		}
	}
	policy, login, err := security(u.Query())
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(s.timeout), mail.WithTLSConfig(s.tls), mail.WithTLSPolicy(policy)}
	if s.implicit {
		login = loginOverTLS()
		options = append(options, mail.WithSSL())
	}
	if name := u.User.Username(); name != "" {
		options = append(options, login, mail.WithUsername(name), mail.WithPassword(s.password))
	}
	return slices.Clip(options), nil // Send appends to it, concurrently
}

// security parses ?tls=. Only ?tls=none sends the password without TLS.
func security(query url.Values) (mail.TLSPolicy, mail.Option, error) {
	for key := range query {
		if key != "tls" {
			return 0, nil, fmt.Errorf("mail server: %.40q is not a setting of the URL", key)
		}
	}
	switch query.Get("tls") {
	case "":
		return mail.TLSOpportunistic, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), nil
	case "required":
		return mail.TLSMandatory, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), nil
	case "none":
		return mail.NoTLS, mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc), nil
	}
	return 0, nil, errors.New("mail server: tls must be required or none")
}

// loginOverTLS returns the login methods. go-mail's own discovery does not recognize a connection
// that we dialed as encrypted, and would not send a password over it.
func loginOverTLS() mail.Option {
	return mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5,
		mail.SMTPAuthPlain, mail.SMTPAuthLogin)
}

// Send delivers one mail. The error is permanent if the server rejects the recipient or the content
// (5xx), or if the mail has no usable address; any other error may pass. Errors:
// *billing.MailError.
func (s *SMTP) Send(ctx context.Context, m billing.Mail) (billing.Delivery, error) {
	msg, err := s.message(m)
	if err != nil {
		return billing.Delivery{}, &billing.MailError{Permanent: true, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = s.pool.send(ctx, msg)
	if err != nil && !msg.IsDelivered() { // the server accepted the mail; an error on QUIT does not matter
		return billing.Delivery{}, s.failed(err)
	}
	return billing.Delivery{}, nil
}

// Close closes the idle connections. Mails can still be sent, each over its own connection.
func (s *SMTP) Close() { s.pool.close() }

// connect opens a connection and logs in. It ends with ctx, although go-mail checks the context
// only while it dials.
func (s *SMTP) connect(ctx context.Context) (*connection, error) {
	c := &connection{}
	stop := func() bool { return true }
	dial := func(dialCtx context.Context, network, address string) (conn net.Conn, err error) {
		if conn, err = s.dial(dialCtx, network, address); err == nil {
			c.wire = conn
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	var err error
	if c.client, err = mail.NewClient(s.host, append(s.options, mail.WithDialContextFunc(dial))...); err != nil {
		return nil, err
	}
	err = c.client.DialWithContext(ctx)
	stop()
	if err != nil && c.wire != nil {
		_ = c.wire.Close()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// dial connects, with TLS if the URL is smtps://.
func (s *SMTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.implicit {
		return (&tls.Dialer{Config: s.tls}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// failed converts go-mail's error, and removes the password in case a server repeats it.
func (s *SMTP) failed(err error) error {
	text := err.Error()
	for _, detail := range []string{", affected recipient(s)", ", affected message ID"} {
		text, _, _ = strings.Cut(text, detail)
	}
	if s.password != "" {
		text = strings.ReplaceAll(text, s.password, "[hidden]")
	}
	return &billing.MailError{Permanent: permanent(err), Err: errors.New("send mail: " + oneLine(text))}
}

// permanent reports whether the server rejected this mail for good. A rejected login or sender is a
// wrong setting that can be fixed, as is a missing login (530).
func permanent(err error) bool {
	var refused *mail.SendError
	if !errors.As(err, &refused) || refused.ErrorCode() < 500 || refused.ErrorCode() == 530 {
		return false
	}
	switch refused.Reason {
	case mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose, mail.ErrWriteContent:
		return true
	}
	return false
}
