package notify_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/notify"
)

var update = flag.Bool("update", false, "write the golden files")

func shop() notify.Merchant {
	return notify.Merchant{Name: "Example Shop", ReturnURL: "https://shop.example/pay/{charge}?pi={payment_intent}&ref={reference}"}
}

// page is a merchant with a page for every kind of notice.
func page() notify.Merchant {
	return notify.Merchant{Name: "Example Shop", PayLink: func(n billing.Notice) string { return "https://pay.shop.example/pay/" + string(n.Kind) }}
}

var sampled = time.Date(2026, 12, 17, 10, 0, 0, 0, time.UTC)

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

// rendered renders a notice, and checks what every mail must satisfy.
func rendered(t *testing.T, n billing.Notice, m notify.Merchant) billing.Mail {
	t.Helper()
	mail, err := notify.Render(n, m)
	require.NoError(t, err)
	require.Equal(t, n.MessageID, mail.MessageID)
	require.Equal(t, n.To, mail.To)
	require.NotRegexp(t, `\bmail\.[a-z]`, mail.Subject+mail.Text, "a text is missing")
	require.NotContains(t, mail.Text, "\n\n\n", "at most one empty line in a row")
	for line := range strings.Lines(mail.Text) {
		require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimSuffix(line, "\n"), "no trailing blanks")
	}
	return mail
}

// golden compares with a file that is meant to be read in review: go test ./internal/notify -update
// writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func printed(title string, m billing.Mail) string {
	return fmt.Sprintf("######## %s\nSubject: %s\n\n%s\n", title, m.Subject, m.Text)
}

// TestRender_EveryKindInEveryLanguage keeps one file per language, for a speaker of the language to
// review.
func TestRender_EveryKindInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, tag := range locale.Tags() {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			var all strings.Builder
			for _, kind := range notify.SampleKinds() {
				all.WriteString(printed(string(kind), rendered(t, notify.Sample(kind, tag, sampled), page())))
			}
			reminder := notify.Sample(billing.NoticeActionRequired, tag, sampled)
			reminder.Step = billing.StepReminder + ":1"
			all.WriteString(printed("action_required, again", rendered(t, reminder, page())))
			card := notify.Sample(billing.NoticeCheckoutReminder, tag, sampled)
			card.Data.FailureReason, card.Data.DueAt = billing.ReasonNoCardSaved, sampled.AddDate(0, 0, 14)
			all.WriteString(printed("checkout_reminder, a card", rendered(t, card, page())))
			golden(t, tag, all.String())
		})
	}
}

// TestRender_MissingData keeps the same mails, in English, with some data left out.
func TestRender_MissingData(t *testing.T) {
	t.Parallel()
	kuwait := func(n *billing.Notice) {
		n.Data.Locale, n.Data.TimeZone, n.Data.Currency, n.Data.Amount = "ar-KW", "Asia/Kuwait", "kwd", 1234560
	}
	bare := func(n *billing.Notice) {
		n.Data = billing.NoticeData{Reference: "villa-9", Sequence: 1, Of: 1, Amount: 200000, Currency: "eur", DueAt: n.Data.DueAt}
	}
	last := func(n *billing.Notice) { n.Data.NextAttemptAt = time.Time{} }
	noCard := func(n *billing.Notice) { n.Data.FailureReason = billing.ReasonNoCardSaved }
	same := func(*billing.Notice) {}
	var all strings.Builder
	for _, tt := range []struct {
		title    string
		kind     billing.NoticeKind
		change   func(*billing.Notice)
		merchant notify.Merchant
	}{
		{"declined", billing.NoticePaymentFailed, same, shop()},
		{"declined for the last time", billing.NoticePaymentFailed, last, shop()},
		{"declined, an Arabic customer", billing.NoticePaymentFailed, kuwait, shop()},
		{"declined, nothing known", billing.NoticePaymentFailed, bare, notify.Merchant{}},
		{"declined, no page", billing.NoticePaymentFailed, same, notify.Merchant{Name: "Example Shop"}},
		{"declined for the last time, no page", billing.NoticePaymentFailed, last, notify.Merchant{Name: "Example Shop"}},
		{"authenticate", billing.NoticeActionRequired, last, shop()},
		{"authenticate, nothing known", billing.NoticeActionRequired, bare, notify.Merchant{}},
		{"receipt, nothing known", billing.NoticePaymentSucceeded, bare, notify.Merchant{}},
		{"upcoming, nothing known", billing.NoticeUpcomingCharge, bare, notify.Merchant{}},
		{"final, nothing known", billing.NoticeFinal, bare, notify.Merchant{}},
		{"defaulted, nothing known", billing.NoticePlanDefaulted, bare, notify.Merchant{}},
		{"completed, nothing known", billing.NoticePlanCompleted, bare, notify.Merchant{}},
		{"card expiring, no page", billing.NoticeCardExpiring, same, notify.Merchant{}},
		{"checkout, nothing known", billing.NoticeCheckoutReminder, bare, notify.Merchant{}},
		{"checkout for a card, no page", billing.NoticeCheckoutReminder, noCard, notify.Merchant{Name: "Example Shop"}},
	} {
		n := notice(tt.kind)
		tt.change(&n)
		all.WriteString(printed(tt.title, rendered(t, n, tt.merchant)))
	}
	golden(t, "variants", all.String())
}

// TestRender_PayTextFollowsTheReason: another card does not fill an account, and a lost card cannot
// be used again.
func TestRender_PayTextFollowsTheReason(t *testing.T) {
	t.Parallel()
	const anyCard, otherCard, details, byCard = "with this card or another", "pay now with another card", "check the card's details", "pay now by card"
	for _, reason := range billing.Reasons() {
		want := anyCard
		switch reason {
		case billing.ReasonExpired, billing.ReasonUnsupported, billing.ReasonNoCard:
			want = otherCard
		case billing.ReasonNoCardSaved:
			want = byCard
		case billing.ReasonDetails:
			want = details
		}
		n := notice(billing.NoticePaymentFailed)
		n.Data.FailureReason, n.Data.NextAttemptAt = reason, time.Time{}
		m := rendered(t, n, shop())
		require.Contains(t, m.Text, locale.Match("en").Reason(reason))
		require.Contains(t, m.HTML, strings.ReplaceAll(locale.Match("en").Reason(reason), "'", "&#39;"))
		for _, text := range []string{anyCard, otherCard, details, byCard} {
			require.Equal(t, text == want, strings.Contains(m.Text, text), "%s: %s", reason, text)
		}
	}
}

func TestRender_UnknownKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []billing.NoticeKind{"", "layout", "../secret"} {
		_, err := notify.Render(notice(kind), shop())
		require.ErrorContains(t, err, "unknown kind of notice")
	}
}

// TestRender_HostileText puts line breaks, markup and worse into every text from outside.
func TestRender_HostileText(t *testing.T) {
	t.Parallel()
	const hostile = "x\r\nBcc: all@example.com\r\n\r\n</p><script>alert(1)</script>\" onload='x' {{.Link}}{amount}\u2028\u202e\x00\xff"
	for _, kind := range billing.NoticeKinds() {
		n := notice(kind)
		n.Data.CustomerName, n.Data.Reference, n.Data.CardLast4 = hostile, hostile+strings.Repeat("y", 9999), hostile
		n.Data.FailureReason = billing.Reason(hostile)
		n.Data.CardExpiry, n.Data.FollowingDue = hostile, n.Data.DueAt
		n.Data.Locale, n.Data.TimeZone, n.Data.CardBrand, n.Data.PaymentIntent = hostile, hostile, hostile, "pi/../?a=b&c d#"
		m := shop()
		m.Name = hostile
		mail := rendered(t, n, m)
		for _, text := range []string{mail.Subject, mail.Text, mail.HTML} {
			require.NotContains(t, text, "\nBcc")
			require.NotContains(t, text, "\r")
			require.NotContains(t, text, "\x00")
			require.NotContains(t, text, "\u202e")
			require.NotContains(t, text, "\u2028")
			require.Less(t, len(text), 60000)
		}
		require.NotContains(t, mail.Subject, "\n")
		require.Contains(t, mail.Text, "{{.Link}}{amount}", "text from outside is not a template")
		require.NotContains(t, mail.HTML, "<script")
		require.NotContains(t, mail.HTML, "onload='x'")
		require.NotContains(t, mail.HTML, "\" onload")
		if kind == billing.NoticePaymentFailed {
			require.Contains(t, mail.Text, "https://shop.example/pay/chg_2?pi=pi%2F..%2F%3Fa%3Db%26c%20d%23&ref=x%0D%0ABcc")
		}
	}
}

// TestRender_OnlyWebLinks: an address from a merchant's setting or PayLink must be a web address.
func TestRender_OnlyWebLinks(t *testing.T) {
	t.Parallel()
	m := page()
	m.PayLink = func(billing.Notice) string { return "javascript:alert(1)" }
	require.NotContains(t, rendered(t, notice(billing.NoticePaymentFailed), m).HTML, `href="javascript`)
}

func TestRender_Link(t *testing.T) {
	t.Parallel()
	asked := 0
	both := shop()
	both.PayLink = func(billing.Notice) string { asked++; return "https://pay.shop.example/pay/token" }
	silent := shop()
	silent.PayLink = func(billing.Notice) string { return "" }
	notDue := notice(billing.NoticeUpcomingCharge)
	notDue.Data.PaymentIntent = ""
	ofPlan := notice(billing.NoticeCardExpiring)
	ofPlan.ChargeID = ""
	byReference := notify.Merchant{ReturnURL: "https://shop.example/orders/{reference}"}
	for name, tt := range map[string]struct {
		n    billing.Notice
		m    notify.Merchant
		want string
	}{
		"PayLink's link":               {notice(billing.NoticePaymentFailed), both, "https://pay.shop.example/pay/token"},
		"PayLink has none":             {notice(billing.NoticePaymentFailed), silent, "https://shop.example/pay/chg_2?pi=pi_1&ref=order%201042"},
		"no PaymentIntent yet":         {notDue, shop(), ""},
		"about no charge":              {ofPlan, shop(), ""},
		"about no charge, by its plan": {ofPlan, byReference, "https://shop.example/orders/order%201042"},
		"nothing set":                  {notice(billing.NoticePaymentFailed), notify.Merchant{}, ""},
		"a receipt asks for nothing":   {notice(billing.NoticePaymentSucceeded), both, ""},
	} {
		mail := rendered(t, tt.n, tt.m)
		if tt.want == "" {
			require.NotContains(t, mail.Text, "https://", name)
			require.NotContains(t, mail.HTML, "href", name)
			continue
		}
		require.Contains(t, mail.Text, ":\n"+tt.want+"\n", name)
		_, err := url.Parse(tt.want)
		require.NoError(t, err)
		require.Equal(t, []string{tt.want, tt.want}, linksIn(t, mail.HTML), name)
	}
	require.Equal(t, 1, asked, "a link may be minted: once for a mail that shows it, never for another")
}

// TestRender_Zones does not print the server's day.
func TestRender_Zones(t *testing.T) {
	t.Parallel()
	n := notice(billing.NoticePaymentFailed)
	n.Data.DueAt = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{
		"": "31 December 2026", "Local": "31 December 2026", "Nowhere/Land": "31 December 2026", "../etc": "31 December 2026",
		"Pacific/Kiritimati": "1 January 2027", "America/New_York": "31 December 2026",
	} {
		n.Data.TimeZone = zone
		require.Contains(t, rendered(t, n, shop()).Text, "due on "+want+",", zone)
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	d, err := notify.Kept{}.Send(t.Context(), billing.Mail{})
	require.NoError(t, err)
	require.True(t, d.Kept)
}
