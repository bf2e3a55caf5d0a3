package notify_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/notify"
)

var update = flag.Bool("update", false, "write the golden files anew")

func shop() notify.Merchant {
	return notify.Merchant{Name: "Example Shop", ReturnURL: "https://shop.example/pay/{charge}?pi={payment_intent}&ref={reference}"}
}

func notice(kind billing.NoticeKind) billing.Notice {
	return billing.Notice{
		ID: "ntc_1", Kind: kind, ChargeID: "chg_2", To: "ada@example.com", MessageID: "ntc_1@shop.example",
		Data: billing.NoticeData{
			CustomerName: "Ada", Locale: "en-GB", TimeZone: "Europe/London", Reference: "order 1042", Sequence: 2, Of: 3,
			Amount: 33300, Currency: "gbp", DueAt: time.Date(2026, 12, 20, 9, 0, 0, 0, time.UTC), PaymentIntent: "pi_1",
			CardBrand: "visa", CardLast4: "4242", FailureReason: billing.ReasonFunds,
			NextAttemptAt: time.Date(2026, 12, 23, 9, 0, 0, 0, time.UTC),
		},
	}
}

// TestGolden compares whole mails with files, which are best read when they change.
func TestGolden(t *testing.T) {
	t.Parallel()
	tokyo := func(n *billing.Notice) {
		n.Data.CustomerName, n.Data.Locale, n.Data.TimeZone = "山田太郎", "ja-JP", "Asia/Tokyo"
		n.Data.Currency, n.Data.DueAt = "jpy", time.Date(2026, 12, 20, 16, 0, 0, 0, time.UTC) // the 21st there
	}
	kuwait := func(n *billing.Notice) {
		n.Data.Locale, n.Data.TimeZone, n.Data.Currency, n.Data.Amount = "ar-KW", "Asia/Kuwait", "kwd", 1234560
	}
	bare := func(n *billing.Notice) {
		n.Data = billing.NoticeData{Reference: "villa-9", Sequence: 1, Of: 1, Amount: 200000, Currency: "eur", DueAt: n.Data.DueAt}
	}
	last := func(n *billing.Notice) { n.Data.NextAttemptAt = time.Time{} }
	tests := map[string]struct {
		kind     billing.NoticeKind
		change   func(*billing.Notice)
		merchant notify.Merchant
	}{
		"payment_failed":              {billing.NoticePaymentFailed, func(*billing.Notice) {}, shop()},
		"payment_failed_last":         {billing.NoticePaymentFailed, last, shop()},
		"payment_failed_ja":           {billing.NoticePaymentFailed, tokyo, shop()},
		"payment_failed_kwd":          {billing.NoticePaymentFailed, kuwait, shop()},
		"payment_failed_bare":         {billing.NoticePaymentFailed, bare, notify.Merchant{}},
		"action_required":             {billing.NoticeActionRequired, last, shop()},
		"action_required_ja":          {billing.NoticeActionRequired, tokyo, shop()},
		"action_required_kwd":         {billing.NoticeActionRequired, kuwait, shop()},
		"action_required_bare":        {billing.NoticeActionRequired, bare, notify.Merchant{}},
		"payment_succeeded":           {billing.NoticePaymentSucceeded, func(*billing.Notice) {}, shop()},
		"payment_succeeded_ja":        {billing.NoticePaymentSucceeded, tokyo, shop()},
		"payment_succeeded_kwd":       {billing.NoticePaymentSucceeded, kuwait, shop()},
		"payment_succeeded_bare":      {billing.NoticePaymentSucceeded, bare, notify.Merchant{}},
		"payment_failed_without_link": {billing.NoticePaymentFailed, func(*billing.Notice) {}, notify.Merchant{Name: "Example Shop"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := notice(tt.kind)
			tt.change(&n)
			m, err := notify.Render(n, tt.merchant)
			require.NoError(t, err)
			require.Equal(t, n.MessageID, m.MessageID)
			require.Equal(t, n.To, m.To)
			got := "Subject: " + m.Subject + "\n\n" + m.Text
			path := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
			require.NotContains(t, got, "\n\n\n", "empty lines stand alone")
			for line := range strings.Lines(got) {
				require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"), "no blanks at a line's end")
			}
		})
	}
}

func TestRenderUnknownKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []billing.NoticeKind{"", "signature", "../secret", "card_expiring"} {
		_, err := notify.Render(notice(kind), shop())
		require.Error(t, err)
	}
}

// TestRenderHostileText puts line ends and worse into whatever others can write.
func TestRenderHostileText(t *testing.T) {
	t.Parallel()
	const hostile = "x\r\nBcc: all@example.com\r\n\r\nHello\u2028\u202e{{.Link}}\x00\xff"
	for _, kind := range []billing.NoticeKind{billing.NoticePaymentFailed, billing.NoticeActionRequired, billing.NoticePaymentSucceeded} {
		n := notice(kind)
		n.Data.CustomerName, n.Data.Reference, n.Data.CardLast4 = hostile, hostile+strings.Repeat("y", 9999), hostile
		n.Data.FailureReason = billing.Reason(hostile)
		n.Data.Locale, n.Data.TimeZone, n.Data.CardBrand, n.Data.PaymentIntent = hostile, hostile, hostile, "pi/../?a=b&c d#"
		m := shop()
		m.Name = hostile
		mail, err := notify.Render(n, m)
		require.NoError(t, err)
		require.NotContains(t, mail.Subject, "\n")
		require.NotContains(t, mail.Text, "\nBcc")
		require.NotContains(t, mail.Text, "\r")
		require.NotContains(t, mail.Text, "\x00")
		require.NotContains(t, mail.Text, "\u202e")
		require.Less(t, len(mail.Text), 10000+3*len(hostile+strings.Repeat("y", 9999)))
		if kind != billing.NoticePaymentSucceeded {
			require.Contains(t, mail.Text, "https://shop.example/pay/chg_2?pi=pi%2F..%2F%3Fa%3Db%26c%20d%23&ref=x%0D%0ABcc")
		}
	}
}

// TestZones does not print the server's day.
func TestZones(t *testing.T) {
	t.Parallel()
	n := notice(billing.NoticePaymentFailed)
	n.Data.DueAt = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"": "31 December 2026", "Local": "31 December 2026", "Nowhere/Land": "31 December 2026", "../etc": "31 December 2026",
		"Pacific/Kiritimati": "1 January 2027", "America/New_York": "31 December 2026",
	} {
		n.Data.TimeZone = zone
		m, err := notify.Render(n, shop())
		require.NoError(t, err)
		require.Contains(t, m.Text, "due on "+want+",", zone)
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	d, err := notify.Kept{}.Send(t.Context(), billing.Mail{})
	require.NoError(t, err)
	require.True(t, d.Kept)
}
