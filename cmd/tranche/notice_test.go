package main

import (
	"mime"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/notify"
)

// TestATestMailIsSent sends each kind to a mail server, in separate mails.
func TestATestMailIsSent(t *testing.T) {
	t.Parallel()
	sink := newMailSink(t)
	vars := []string{
		"SMTP_URL=smtp://" + sink.addr + "?tls=none", "TRANCHE_MAIL_FROM=Shop <billing@shop.example>", "TRANCHE_MERCHANT_NAME=Shop",
	}
	for range 2 {
		out, talk := runBare(t, vars, "notice", "send-test", "me@example.com", "--kind", "all", "--locale", "fr")
		require.Empty(t, out)
		require.Contains(t, talk, "sent to me@example.com: ")
	}
	taken := sink.taken()
	require.Len(t, taken, 2*len(notify.SampleKinds()))
	ids := map[string]bool{}
	var subjects []string
	for _, m := range taken {
		require.Equal(t, "me@example.com", m.to)
		require.Regexp(t, `^<test-\w+@shop\.example>$`, m.messageID)
		ids[m.messageID] = true
		subject, err := new(mime.WordDecoder).DecodeHeader(m.subject)
		require.NoError(t, err)
		subjects = append(subjects, subject)
	}
	require.Len(t, ids, len(taken), "a server would drop a mail it knows")
	require.Contains(t, subjects, "Votre paiement de 333,00\u00a0€ à Shop n’a pas abouti")
}
