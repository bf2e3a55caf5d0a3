package locale

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/ar"
	"github.com/go-playground/locales/bg"
	"github.com/go-playground/locales/ca"
	"github.com/go-playground/locales/cs"
	"github.com/go-playground/locales/da"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/de_AT"
	"github.com/go-playground/locales/el"
	"github.com/go-playground/locales/en"
	"github.com/go-playground/locales/en_CA"
	"github.com/go-playground/locales/en_GB"
	"github.com/go-playground/locales/es"
	"github.com/go-playground/locales/et"
	"github.com/go-playground/locales/fi"
	"github.com/go-playground/locales/fr"
	"github.com/go-playground/locales/he"
	"github.com/go-playground/locales/hr"
	"github.com/go-playground/locales/hu"
	"github.com/go-playground/locales/id"
	"github.com/go-playground/locales/is"
	"github.com/go-playground/locales/it"
	"github.com/go-playground/locales/ja"
	"github.com/go-playground/locales/ko"
	"github.com/go-playground/locales/lt"
	"github.com/go-playground/locales/lv"
	"github.com/go-playground/locales/nb"
	"github.com/go-playground/locales/nl"
	"github.com/go-playground/locales/pl"
	"github.com/go-playground/locales/pt"
	"github.com/go-playground/locales/ro"
	"github.com/go-playground/locales/ru"
	"github.com/go-playground/locales/sk"
	"github.com/go-playground/locales/sl"
	"github.com/go-playground/locales/sv"
	"github.com/go-playground/locales/th"
	"github.com/go-playground/locales/tr"
	"github.com/go-playground/locales/uk"
	"github.com/go-playground/locales/vi"
	"github.com/go-playground/locales/zh"
	"github.com/go-playground/locales/zh_Hant"
	"golang.org/x/text/language"

	"tranche/internal/timezone"
)

// Date writes a day out, as it is where the customer is: "2 January 2026" in en-GB, "2026年1月2日" in
// ja. Digits alone are read differently on each side of the Atlantic. zone is an IANA name, such as
// Europe/London; one it does not know is UTC. It is empty for a zero time, which is no date.
func (l *Locale) Date(t time.Time, zone string) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(timezone.OrUTC(zone))
	return l.ordinal(l.dates.FmtDateLong(t), t)
}

// Weekday writes a day out with its weekday: "Friday, 2 January 2026" in en-GB. It is otherwise as
// Date.
func (l *Locale) Weekday(t time.Time, zone string) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(timezone.OrUTC(zone))
	return l.ordinal(l.dates.FmtDateFull(t), t)
}

var lonelyOne = regexp.MustCompile(`\b1\b`)

// ordinal writes the first of a month as the language does where that is not "1".
func (l *Locale) ordinal(date string, t time.Time) string {
	if t.Day() != 1 || l.firstDay == "" {
		return date
	}
	at := lonelyOne.FindStringIndex(date)
	if at == nil {
		return date
	}
	return date[:at[0]] + l.firstDay + date[at[1]:]
}

// calendars are the ways of writing dates that are built in: more languages than there are texts
// in, so that another takes its file alone, and of their regions those whose long dates differ.
// Every other English-speaking one writes as Britain does, which is what CLDR's parent of them all
// (en-001) says too.
var calendars = sync.OnceValue(func() (c struct {
	matcher language.Matcher
	make    []func() locales.Translator
}) {
	c.make = []func() locales.Translator{
		en.New, ar.New, bg.New, ca.New, cs.New, da.New, de.New, de_AT.New,
		el.New, en_CA.New, en_GB.New, es.New, et.New, fi.New, fr.New, he.New,
		hr.New, hu.New, id.New, is.New, it.New, ja.New, ko.New, lt.New,
		lv.New, nb.New, nl.New, pl.New, pt.New, ro.New, ru.New, sk.New,
		sl.New, sv.New, th.New, tr.New, uk.New, vi.New, zh.New, zh_Hant.New,
	}
	var tags []language.Tag
	for _, make := range c.make {
		tags = append(tags, language.MustParse(strings.ReplaceAll(make().Locale(), "_", "-")))
	}
	c.matcher = language.NewMatcher(tags)
	return c
})

// datesOf is the way of writing dates that fits a tag best; English where there is none.
func datesOf(tag language.Tag) locales.Translator {
	c := calendars()
	_, i, _ := c.matcher.Match(tag)
	return c.make[i]()
}
