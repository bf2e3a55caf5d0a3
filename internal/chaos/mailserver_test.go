package main

import (
	"net/smtp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMailServer_DuplicateIsDropped(t *testing.T) {
	t.Parallel()
	arrived := make(chan letter, 10)
	s, err := newMailServer(t.Context(), stream(1, "mail"), func(m letter) { arrived <- m })
	require.NoError(t, err)
	t.Cleanup(s.close)
	send := func(id string) error {
		return smtp.SendMail(s.Addr, nil, "shop@shop.example", []string{"ada@example.com"},
			[]byte("Message-ID: <"+id+">\r\nSubject: Hello\r\n\r\ntext\r\n"))
	}
	require.NoError(t, send("a@shop.example"))
	require.NoError(t, send("b@shop.example"))
	require.NoError(t, send("a@shop.example"))
	require.Len(t, s.box().Letters, 2)
	require.Equal(t, 1, s.box().Redelivered)
	require.Len(t, arrived, 2)
	require.Equal(t, "a@shop.example", (<-arrived).MessageID)

	s.disturb(1)
	for range 20 {
		require.Error(t, send("c@shop.example"))
	}
	box := s.box()
	require.Positive(t, box.Injected["mail_try_later"])
	require.Positive(t, box.Injected["mail_answer_lost"])
	require.Len(t, box.Letters, 3, "accepted, although the answer was lost")
}

func TestReadLetter(t *testing.T) {
	t.Parallel()
	m, err := readLetter(strings.NewReader("Message-ID: <a@shop.example>\r\nSubject: =?UTF-8?q?Your_payment_of_=E2=82=AC5?=\r\n" +
		"Content-Transfer-Encoding: quoted-printable\r\n\r\nhttps://shop.example/pay?intent=3Dpi_=\r\n1\r\n"))
	require.NoError(t, err)
	require.Equal(t, letter{MessageID: "a@shop.example", Subject: "Your payment of €5", Body: "https://shop.example/pay?intent=pi_1\r\n", At: m.At}, m)
}
