package notify_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/notify"
)

// read is a mail as a mail program parses it.
type read struct {
	header     mail.Header
	kinds      []string
	text, html string
}

func readMail(t *testing.T, data []byte) read {
	t.Helper()
	m, err := mail.CreateReader(bytes.NewReader(data))
	require.NoError(t, err)
	r := read{header: m.Header}
	for {
		part, err := m.NextPart()
		if errors.Is(err, io.EOF) {
			return r
		}
		require.NoError(t, err)
		h, inline := part.Header.(*mail.InlineHeader)
		require.True(t, inline, "no attachments")
		kind, params, err := h.ContentType()
		require.NoError(t, err)
		require.Equal(t, "UTF-8", params["charset"])
		body, err := io.ReadAll(part.Body)
		require.NoError(t, err)
		r.kinds = append(r.kinds, kind)
		body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
		if kind == "text/html" {
			r.html = string(body)
		} else {
			r.text = string(body)
		}
	}
}

// TestDelivery_EveryKindAndLanguage sends every kind in every language over SMTP, parses it as a
// mail program does and follows its link.
func TestDelivery_EveryKindAndLanguage(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	t.Cleanup(site.Close)
	backend := &mailServer{}
	addr, trust := serve(t, backend, startTLS)
	s := newSMTP(t, "smtp://"+addr, trust)
	t.Cleanup(s.Close)
	m := notify.Merchant{Name: "Zoë's Shop", PayLink: func(n billing.Notice) string { return site.URL + "/pay/" + string(n.Kind) }}
	for _, kind := range billing.NoticeKinds() {
		for _, tag := range locale.Tags() {
			n := notify.Sample(kind, tag, sampled)
			n.MessageID = string(kind) + "." + tag + "@shop.example"
			sent := rendered(t, n, m)
			_, err := s.Send(t.Context(), sent)
			require.NoError(t, err)
			got := readMail(t, backend.last().data)
			require.Equal(t, []string{"text/plain", "text/html"}, got.kinds, "the best part is last")
			media, params, err := got.header.ContentType()
			require.NoError(t, err)
			require.Equal(t, "multipart/alternative", media)
			require.NotEmpty(t, params["boundary"])
			id, err := got.header.MessageID()
			require.NoError(t, err)
			require.Equal(t, n.MessageID, id)
			subject, err := got.header.Subject()
			require.NoError(t, err)
			require.Equal(t, sent.Subject, subject)
			require.Equal(t, sent.Text, got.text)
			require.Equal(t, sent.HTML, got.html)
			require.Equal(t, "<notices.shop.example>", got.header.Get("List-Id"))
			require.Equal(t, "auto-generated", got.header.Get("Auto-Submitted"))
			require.Empty(t, got.header.Get("List-Unsubscribe"))
			for _, link := range linksIn(t, got.html) {
				resp, err := http.Get(link)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, "/pay/"+string(kind), <-asked)
			}
		}
	}
	require.Equal(t, 2, backend.connections(), "a connection carries up to a hundred mails")
}

// TestPool_ReusesConnections: a connection is replaced after its share of mails, or when the server
// closed it.
func TestPool_ReusesConnections(t *testing.T) {
	t.Parallel()
	backend := &mailServer{}
	addr, trust := serve(t, backend, implicitTLS)
	s := newSMTP(t, "smtps://"+addr, trust)
	send := func() {
		_, err := s.Send(t.Context(), aMail())
		require.NoError(t, err)
	}
	for range 100 {
		send()
	}
	require.Equal(t, 1, backend.connections())
	send()
	require.Equal(t, 2, backend.connections(), "after a hundred mails")
	backend.hangUp()
	send()
	require.Equal(t, 3, backend.connections(), "the server closed it: the mail goes over a new connection, once")
	require.Len(t, backend.all(), 102)
	s.Close()
	require.Eventually(t, func() bool { return backend.open() == 0 }, 20*time.Second, time.Millisecond)
	send()
	require.Eventually(t, func() bool { return backend.open() == 0 }, 20*time.Second, time.Millisecond, "closed for good")
}

// TestPool_RejectedMailHarmsNoOther: mails after a rejected mail are sent.
func TestPool_RejectedMailHarmsNoOther(t *testing.T) {
	t.Parallel()
	backend := &mailServer{}
	addr, trust := serve(t, backend, plain)
	s := newSMTP(t, "smtp://"+addr, trust)
	t.Cleanup(s.Close)
	for _, command := range []string{"mail", "rcpt", "data"} {
		_, err := s.Send(t.Context(), aMail())
		require.NoError(t, err)
		backend.refuse(command, errors.New("no"))
		_, err = s.Send(t.Context(), aMail())
		require.Error(t, err)
		backend.refuse(command, nil)
		_, err = s.Send(t.Context(), aMail())
		require.NoError(t, err)
	}
	require.Len(t, backend.all(), 6)
}
