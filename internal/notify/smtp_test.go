package notify_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/notify"
)

func now() time.Time { return time.Date(2026, 12, 20, 9, 0, 0, 0, time.UTC) }

func newSMTP(t *testing.T, url string, trust *tls.Config) *notify.SMTP {
	t.Helper()
	s, err := notify.NewSMTP(notify.SMTPConfig{URL: url, From: "Zoë's Shop <billing@shop.example>", Timeout: 5 * time.Second, TLS: trust, Now: now})
	require.NoError(t, err)
	return s
}

func aMail() billing.Mail {
	return billing.Mail{
		MessageID: "ntc_1@shop.example", To: "ada@example.com", Subject: "Your payment of £333.00",
		Text: "Hello Ada,\n\nyour payment of £333.00\n.\n..and a line of dots\n",
	}
}

// parsed parses a mail as a mail program does.
func parsed(t *testing.T, data []byte) (*mail.Message, string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, "quoted-printable", m.Header.Get("Content-Transfer-Encoding"))
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	require.NoError(t, err)
	return m, strings.ReplaceAll(string(body), "\r\n", "\n")
}

// TestSend covers every kind of encryption and login.
func TestSend(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kind            kind
		url, user       string
		encrypted, fail bool
	}{
		"plain":                              {plain, "smtp://ADDR", "", false, false},
		"STARTTLS":                           {startTLS, "smtp://ADDR", "", true, false},
		"STARTTLS with login":                {startTLS, "smtp://ada%40shop.example:hunter2@ADDR", "ada@shop.example", true, false},
		"STARTTLS required":                  {startTLS, "smtp://ada:hunter2@ADDR?tls=required", "ada", true, false},
		"STARTTLS declined":                  {startTLS, "smtp://ADDR?tls=none", "", false, false},
		"implicit":                           {implicitTLS, "smtps://ADDR", "", true, false},
		"implicit with login":                {implicitTLS, "smtps://ada:hunter2@ADDR", "ada", true, false},
		"no TLS asked for, login":            {plain, "smtp://ada:hunter2@ADDR?tls=none", "ada", false, false},
		"STARTTLS required, none offered":    {plain, "smtp://ADDR?tls=required", "", false, true},
		"password not sent without TLS":      {plain, "smtp://ada:hunter2@ADDR", "ada", false, true},
		"wrong password":                     {startTLS, "smtp://ada:hunter3@ADDR", "ada", true, true},
		"login required and none configured": {plain, "smtp://ADDR", "ada", false, true},
		"implicit, but the server is not":    {plain, "smtps://ADDR", "", false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := &mailServer{user: tt.user}
			addr, trust := serve(t, backend, tt.kind)
			d, err := newSMTP(t, strings.Replace(tt.url, "ADDR", addr, 1), trust).Send(t.Context(), aMail())
			require.Equal(t, billing.Delivery{}, d)
			if tt.fail {
				require.False(t, mailError(t, err).Permanent, "%v", err)
				require.NotContains(t, err.Error(), "hunter")
				require.Empty(t, backend.mails)
				return
			}
			require.NoError(t, err)
			require.Len(t, backend.mails, 1)
			require.Equal(t, tt.encrypted, backend.sawTLS)
		})
	}
}

func mailError(t *testing.T, err error) *billing.MailError {
	t.Helper()
	e, ok := err.(*billing.MailError) //nolint:errorlint // the contract promises the bare type
	require.True(t, ok, "got %T: %v", err, err)
	return e
}

// TestMailAsReceived parses the whole mail again.
func TestMailAsReceived(t *testing.T) {
	t.Parallel()
	backend := &mailServer{}
	addr, trust := serve(t, backend, startTLS)
	_, err := newSMTP(t, "smtp://"+addr, trust).Send(t.Context(), aMail())
	require.NoError(t, err)
	got := backend.mails[0]
	require.Equal(t, "billing@shop.example", got.from)
	require.Equal(t, []string{"ada@example.com"}, got.to)
	m, body := parsed(t, got.data)
	require.Equal(t, aMail().Text, strings.TrimRight(body, "\n")+"\n")
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, aMail().Subject, subject)
	from, err := m.Header.AddressList("From")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: "Zoë's Shop", Address: "billing@shop.example"}}, from)
	to, err := m.Header.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Address: "ada@example.com"}}, to)
	date, err := m.Header.Date()
	require.NoError(t, err)
	require.True(t, date.Equal(now()))
	require.Equal(t, "<ntc_1@shop.example>", m.Header.Get("Message-ID"))
	require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
	require.Equal(t, "text/plain; charset=UTF-8", m.Header.Get("Content-Type"))
	require.Empty(t, m.Header.Get("User-Agent")+m.Header.Get("X-Mailer"))
}

// TestInjection tries to add headers and recipients.
func TestInjection(t *testing.T) {
	t.Parallel()
	backend := &mailServer{}
	addr, trust := serve(t, backend, plain)
	s := newSMTP(t, "smtp://"+addr, trust)
	for _, spoil := range []func(*billing.Mail){
		func(m *billing.Mail) { m.To = "" },
		func(m *billing.Mail) { m.To = "ada" },
		func(m *billing.Mail) { m.To = "ada@example.com, eve@example.com" },
		func(m *billing.Mail) { m.To = "ada@example.com\r\nBcc: eve@example.com" },
		func(m *billing.Mail) { m.To = "ada@example.com\nRCPT TO:<eve@example.com>" },
		func(m *billing.Mail) { m.To = "<ada@example.com>\r\nDATA" },
		func(m *billing.Mail) { m.MessageID = "" },
		func(m *billing.Mail) { m.MessageID = "a@b>\r\nBcc: eve@example.com" },
		func(m *billing.Mail) { m.MessageID = "a@b@c" },
		func(m *billing.Mail) { m.MessageID = "a b@c" },
		func(m *billing.Mail) { m.MessageID = "@" },
	} {
		m := aMail()
		spoil(&m)
		_, err := s.Send(t.Context(), m)
		require.True(t, mailError(t, err).Permanent, "%q %q", m.To, m.MessageID)
	}
	require.Empty(t, backend.mails)

	m := aMail()
	m.Subject = "Hi\r\nBcc: eve@example.com\r\n\r\nHello"
	m.Text = "one\r\n.\r\nRCPT TO:<eve@example.com>\r\n"
	_, err := s.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, backend.mails, 1)
	require.Equal(t, []string{"ada@example.com"}, backend.mails[0].to)
	got, body := parsed(t, backend.mails[0].data)
	require.Empty(t, got.Header.Get("Bcc"))
	require.Equal(t, "Hi Bcc: eve@example.com Hello", got.Header.Get("Subject"))
	require.Contains(t, body, "\n.\nRCPT TO:<eve@example.com>")
}

// TestSend_RejectionIsPermanentOrTemporary classifies a server's replies by whether another try can
// help.
func TestSend_RejectionIsPermanentOrTemporary(t *testing.T) {
	t.Parallel()
	reply := func(code int) error { return &smtp.SMTPError{Code: code, Message: "the server's text"} }
	tests := map[string]struct {
		server    *mailServer
		permanent bool
	}{
		"no such mailbox":     {&mailServer{rcptErr: reply(550)}, true},
		"mailbox full":        {&mailServer{rcptErr: reply(452)}, false},
		"greylisted":          {&mailServer{rcptErr: reply(451)}, false},
		"login first":         {&mailServer{rcptErr: reply(530)}, false},
		"content refused":     {&mailServer{dataErr: reply(554)}, true},
		"content, try later":  {&mailServer{dataErr: reply(451)}, false},
		"sender refused":      {&mailServer{mailErr: reply(550)}, false},
		"sender, try later":   {&mailServer{mailErr: reply(421)}, false},
		"the handler failed":  {&mailServer{dataErr: errors.New("disk full")}, true}, // go-smtp answers 554
		"too many recipients": {&mailServer{rcptErr: reply(552)}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, trust := serve(t, tt.server, plain)
			_, err := newSMTP(t, "smtp://"+addr, trust).Send(t.Context(), aMail())
			require.Equal(t, tt.permanent, mailError(t, err).Permanent, "%v", err)
			require.NotContains(t, err.Error(), "ada@example.com", "the address has its own column")
		})
	}
}

// TestAcceptedThenGone: a mail counts as sent if the server accepts it and then breaks the
// connection.
func TestAcceptedThenGone(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "220 mail.example.com\r\n")
		lines, inData := bufio.NewScanner(conn), false
		for lines.Scan() {
			switch line := lines.Text(); {
			case inData && line == ".":
				_, _ = io.WriteString(conn, "250 taken\r\n")
				return
			case inData:
			case line == "DATA":
				inData = true
				_, _ = io.WriteString(conn, "354 go on\r\n")
			default:
				_, _ = io.WriteString(conn, "250 ok\r\n")
			}
		}
	}()
	_, err = newSMTP(t, "smtp://"+l.Addr().String(), nil).Send(t.Context(), aMail())
	require.NoError(t, err)
}

// TestUnreachable covers servers that do not exist, do not answer, or speak another protocol.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for name, addr := range map[string]string{"closed": closed.Addr().String(), "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			s, err := notify.NewSMTP(notify.SMTPConfig{
				URL: "smtp://ada:hunter2@" + addr, From: "billing@shop.example", Timeout: 100 * time.Millisecond,
			})
			require.NoError(t, err)
			began := time.Now()
			_, err = s.Send(t.Context(), aMail())
			require.False(t, mailError(t, err).Permanent)
			require.NotContains(t, err.Error(), "hunter2")
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = newSMTP(t, "smtp://"+silent.Addr().String(), nil).Send(ctx, aMail())
	require.False(t, mailError(t, err).Permanent)
	require.Less(t, time.Since(began), 20*time.Second, "the caller's context ends it")
}

// TestUntrusted sends no mail to a server whose certificate is not trusted.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{startTLS, implicitTLS} {
		backend := &mailServer{}
		addr, _ := serve(t, backend, k)
		url := map[kind]string{startTLS: "smtp://", implicitTLS: "smtps://"}[k] + addr
		_, err := newSMTP(t, url, nil).Send(t.Context(), aMail())
		require.False(t, mailError(t, err).Permanent)
		require.Empty(t, backend.mails)
	}
}

// TestSend_Concurrent uses one mailer from many goroutines.
func TestSend_Concurrent(t *testing.T) {
	t.Parallel()
	backend := &mailServer{}
	addr, trust := serve(t, backend, startTLS)
	s := newSMTP(t, "smtp://"+addr, trust)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			m := aMail()
			m.MessageID = fmt.Sprintf("ntc_%d@shop.example", i)
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Errorf("mail %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	require.Len(t, backend.mails, 20)
}

func TestNewSMTP(t *testing.T) {
	t.Parallel()
	const from = "billing@shop.example"
	for _, c := range []notify.SMTPConfig{
		{URL: "", From: from}, {URL: "http://u:hunter2@h", From: from}, {URL: "smtp://u:hun/ter2@h", From: from},
		{URL: "smtp://u:hunter2@", From: from}, {URL: "smtp://u:hunter2@h?tls=maybe", From: from},
		{URL: "smtp://u:hunter2@h?x=1", From: from}, {URL: "smtp://u:hunter2@h", From: "Shop"}, {URL: "smtp://u:hunter2@h"},
		{URL: "smtp://u:hunter2@h", From: "a@b.example\r\nBcc: c@d.example"}, {URL: "smtp://u:hunter2@h:99999999999999999999", From: from},
	} {
		_, err := notify.NewSMTP(c)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "hun/ter2")
	}
	c := notify.SMTPConfig{URL: "smtps://u:hunter2@h", From: from}
	s, err := notify.NewSMTP(c)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %v %+v %#v", c, c, c, s, s, s), "hunter2")
	require.Equal(t, "SMTP h", s.String())
}
