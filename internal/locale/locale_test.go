package locale

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/money"
)

func TestATagFindsItsLanguageAndKeepsItsRegion(t *testing.T) {
	t.Parallel()
	for wanted, want := range map[string]string{
		"":                    "en",
		"en":                  "en",
		"en-GB":               "en-GB",
		"EN-gb":               "en-GB",
		"de_DE":               "de-DE",
		"de-CH-1996":          "de-CH",
		"pt-PT":               "pt-PT",
		"es-419":              "es-419",
		"ja-JP-u-ca-japanese": "ja-JP", // no other calendar
		"en-u-nu-arab":        "en",    // no other digits
		"hi-IN":               "en-IN", // no texts: English, grouped as India does
		"zh-Hant-TW":          "en-TW",
		"tlh":                 "en",
		"not a locale":        "en",
		"\x00":                "en",
	} {
		require.Equal(t, want, Match(wanted).Tag(), wanted)
		require.Equal(t, "ltr", Match(wanted).Dir(), wanted)
	}
}

func TestEveryLanguageIsMatchedByItsOwnTag(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"de", "en", "es", "fr", "it", "ja", "nl", "pt"}, Tags())
	for _, tag := range Tags() {
		require.Equal(t, tag, Match(tag).Tag())
	}
}

func TestAmount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount   int64
		currency money.Currency
		locale   string
		want     string
	}{
		{33300, "gbp", "en-GB", "£333.00"},
		{33300, "usd", "en-US", "$333.00"},
		{33300, "usd", "en-GB", "US$333.00"},
		{33300, "aud", "en-AU", "$333.00"},
		{123456789, "eur", "de-DE", "1.234.567,89\u00a0€"},
		{123456789, "eur", "de-AT", "€\u00a01\u00a0234\u00a0567,89"},
		{123456789, "chf", "de-CH", "CHF\u00a01’234’567.89"},
		{123456789, "eur", "fr", "1\u00a0234\u00a0567,89\u00a0€"},
		{123456789, "eur", "es", "1.234.567,89\u00a0€"},
		{123456789, "mxn", "es-MX", "$1,234,567.89"},
		{123456789, "eur", "it", "1.234.567,89\u00a0€"},
		{123456789, "chf", "it-CH", "CHF\u00a01’234’567.89"},
		{123456789, "brl", "pt-BR", "R$\u00a01.234.567,89"},
		{123456789, "eur", "pt-PT", "1\u00a0234\u00a0567,89\u00a0€"},
		{123456789, "eur", "nl", "€\u00a01.234.567,89"},
		{33300, "jpy", "ja-JP", "￥33,300"},
		{33300, "jpy", "en-GB", "JP¥33,300"},
		{123456789, "inr", "hi-IN", "₹12,34,567.89"},
		{33300, "kwd", "en-GB", "KWD\u00a033.300"},
		{33300, "kwd", "ar-KW", "KWD\u00a033.300"},
		{105050, "idr", "en", "IDR\u00a01,050.50"}, // the locale data would round it
		{999999999999, "idr", "en", "IDR\u00a09,999,999,999.99"},
		{99999990, "kwd", "en", "KWD\u00a099,999.990"},
		{100000, "isk", "en", "ISK\u00a01,000.00"},
		{5000, "xaf", "fr", "5\u00a0000\u00a0FCFA"},
		{50, "usd", "", "$0.50"},
		{50, "usd", "not a locale", "$0.50"},
		{50, "usd", "de_DE", "0,50\u00a0$"},
		{50, "zzz", "en", "ZZZ\u00a00.50"},
		{50, "", "en", "0.50"},
		{50, "", "de", "0,50"},
		{-1, "gbp", "en", "-£0.01"},
		{-1, "eur", "de", "-0,01\u00a0€"},
		{0, "gbp", "en", "£0.00"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, Match(tt.locale).Amount(tt.amount, tt.currency), "%d %s %s", tt.amount, tt.currency, tt.locale)
	}
}

func TestDatesAreWrittenOutWhereTheCustomerIs(t *testing.T) {
	t.Parallel()
	night := time.Date(2026, 1, 1, 23, 30, 0, 0, time.UTC)
	tests := []struct{ locale, zone, date, weekday string }{
		{"en", "", "January 1, 2026", "Thursday, January 1, 2026"},
		{"en-GB", "Europe/London", "1 January 2026", "Thursday, 1 January 2026"},
		{"en-AU", "Australia/Sydney", "2 January 2026", "Friday, 2 January 2026"},
		{"en-CA", "America/Toronto", "January 1, 2026", "Thursday, January 1, 2026"},
		{"hi-IN", "Asia/Kolkata", "2 January 2026", "Friday, 2 January 2026"},
		{"de", "Europe/Berlin", "2. Januar 2026", "Freitag, 2. Januar 2026"},
		{"de-AT", "Europe/Vienna", "2. Jänner 2026", "Freitag, 2. Jänner 2026"},
		{"fr-CA", "Europe/Paris", "2 janvier 2026", "vendredi 2 janvier 2026"},
		{"es-MX", "Europe/Madrid", "2 de enero de 2026", "viernes, 2 de enero de 2026"},
		{"it", "Europe/Rome", "2 gennaio 2026", "venerdì 2 gennaio 2026"},
		{"pt-BR", "Europe/Lisbon", "1 de janeiro de 2026", "quinta-feira, 1 de janeiro de 2026"},
		{"nl", "Europe/Amsterdam", "2 januari 2026", "vrijdag 2 januari 2026"},
		{"ja", "Asia/Tokyo", "2026年1月2日", "2026年1月2日金曜日"},
		{"en", "Nowhere/Land", "January 1, 2026", "Thursday, January 1, 2026"},
		{"en", "Local", "January 1, 2026", "Thursday, January 1, 2026"},
	}
	first := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "1er janvier 2026", Match("fr").Date(first, ""))
	require.Equal(t, "jeudi 1er janvier 2026", Match("fr-CH").Weekday(first, ""))
	require.Equal(t, "1 gennaio 2026", Match("it").Date(first, ""))
	for _, tt := range tests {
		require.Equal(t, tt.date, Match(tt.locale).Date(night, tt.zone), tt.locale)
		require.Equal(t, tt.weekday, Match(tt.locale).Weekday(night, tt.zone), tt.locale)
	}
}

func TestACardIsNamedAsItIsPrinted(t *testing.T) {
	t.Parallel()
	tests := []struct{ locale, brand, last4, want string }{
		{"en", "visa", "4242", "Visa ending in 4242"},
		{"de", "amex", "0005", "American Express mit den Endziffern 0005"},
		{"ja", "jcb", "0505", "JCB（末尾0505）"},
		{"en", "unknown", "4242", "Card ending in 4242"},
		{"fr", "", "4242", "Carte se terminant par 4242"},
		{"en", "visa", "", ""},
		{"en", "visa", "{brand}", "Visa ending in {brand}"}, // what is filled in is not read again
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, Match(tt.locale).Card(tt.brand, tt.last4))
	}
}

func TestEveryReasonIsSaidInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, tag := range Tags() {
		said := map[string]billing.Reason{}
		for _, r := range billing.Reasons() {
			text := Match(tag).Reason(r)
			require.NotContains(t, text, "reason.", "%s: %s", tag, r)
			require.NotContains(t, said, text, "%s: %s says the same", tag, r)
			said[text] = r
		}
		require.Empty(t, Match(tag).Reason(""))
		require.Empty(t, Match(tag).Reason("fraudulent"))
	}
	require.Equal(t, "The card has expired.", Match("en-GB").Reason(billing.ReasonExpired))
	require.Equal(t, "Die Karte ist abgelaufen.", Match("de-CH").Reason(billing.ReasonExpired))
}

func TestATextThatCanNotBeWrittenIsItsKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no.such.key", Match("de").Text("no.such.key", nil))
	require.Equal(t, "card.ending", Match("de").Text("card.ending", map[string]any{"brand": "Visa"}))
	require.False(t, Match("de").Has("no.such.key"))
	require.True(t, Match("de").Has("card.ending"))
}

// TestPluralsFollowTheLanguage uses languages of its own, one of them with three forms and one
// written from the right.
func TestPluralsFollowTheLanguage(t *testing.T) {
	t.Parallel()
	c, err := newCatalogue(fstest.MapFS{
		"l/en.toml": {Data: []byte(`[x]` + "\n" + `days = {one = "in {n} day", other = "in {n} days of {what}"}`)},
		"l/pl.toml": {Data: []byte(`[x]` + "\n" + `days = {one = "za {n} dzień", few = "za {n} dni", many = "za {n} dni!", other = "za {n} dnia"}`)},
		"l/he.toml": {Data: []byte(`[x]` + "\n" + `days = {one = "א {n}", two = "ב {n}", other = "ג {n}"}`)},
	}, "l")
	require.NoError(t, err)
	english, polish, hebrew := c.tags[0], c.tags[2], c.tags[1]
	en, pl, he := c.locale(english, english), c.locale(polish, polish), c.locale(hebrew, hebrew)
	data := map[string]any{"what": "rain"}
	require.Equal(t, "in 1 day", en.Plural("x.days", 1, nil))
	require.Equal(t, "in 2 days of rain", en.Plural("x.days", 2, data))
	require.Equal(t, "in 1,200 days of rain", en.Plural("x.days", 1200, data))
	require.Equal(t, "x.days", en.Plural("x.days", 2, nil), "a word is missing")
	require.Equal(t, "za 1 dzień", pl.Plural("x.days", 1, nil))
	require.Equal(t, "za 3 dni", pl.Plural("x.days", 3, nil))
	require.Equal(t, "za 5 dni!", pl.Plural("x.days", 5, nil))
	require.Equal(t, "ב 2", he.Plural("x.days", 2, nil))
	require.Equal(t, "rtl", he.Dir())
	require.Equal(t, "2 stycznia 2026", pl.Date(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), ""), "a language that only a file was added for")
}

func TestABrokenLanguageIsRefused(t *testing.T) {
	t.Parallel()
	english := &fstest.MapFile{Data: []byte("[x]\na = \"b\"")}
	for name, files := range map[string]fstest.MapFS{
		"no TOML":        {"l/en.toml": english, "l/de.toml": {Data: []byte("[x\n")}},
		"a reserved key": {"l/en.toml": english, "l/de.toml": {Data: []byte("[x]\na = \"b\"\nother = \"c\"")}},
		"no English":     {"l/de.toml": english},
		"nothing":        {},
	} {
		_, err := newCatalogue(files, "l")
		require.Error(t, err, name)
	}
}
