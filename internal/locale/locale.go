package locale

import (
	"maps"
	"strings"

	"github.com/go-playground/locales"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"tranche/internal/billing"
)

// Locale is one customer's way of reading: a language there are texts in, and a region for amounts
// and dates. It is safe for concurrent use.
type Locale struct {
	tag       language.Tag
	localizer *i18n.Localizer
	printer   *message.Printer
	keys      map[string]bool
	amount    string // where the symbol stands
	firstDay  string // how the first of a month is written; empty: as a number
	dates     locales.Translator
}

// Match finds the best locale for a BCP 47 tag, such as en-GB. A language there are no texts in,
// and what is no tag at all, is read in English; the region is kept, so that hi-IN groups its
// digits as India does. It is never nil.
func Match(tag string) *Locale {
	c := loaded()
	wanted, err := language.Parse(tag)
	if err != nil {
		wanted = language.English
	}
	_, i, confidence := c.matcher.Match(wanted)
	if confidence == language.No {
		i = 0
	}
	return c.locale(c.tags[i], wanted)
}

// locale reads texts in one language and writes numbers and dates as the region of another tag
// does. Extensions, such as another calendar or other digits, are left out: there are no texts
// around them.
func (c *catalogue) locale(texts, wanted language.Tag) *Locale {
	tag := texts
	if region, confidence := wanted.Region(); confidence == language.Exact {
		if composed, err := language.Compose(texts, region); err == nil {
			tag = composed
		}
	}
	return &Locale{
		tag:       tag,
		localizer: i18n.NewLocalizer(c.bundle, texts.String()),
		printer:   message.NewPrinter(tag),
		keys:      c.keys,
		amount:    c.amountPattern(texts, tag),
		firstDay:  c.patterns[texts]["first_day"],
		dates:     datesOf(tag),
	}
}

// amountPattern says where the symbol stands: as the region has it, or as the language has it
// elsewhere.
func (c *catalogue) amountPattern(texts, tag language.Tag) string {
	region, _ := tag.Region()
	if pattern, ok := c.patterns[texts]["amount_"+region.String()]; ok {
		return pattern
	}
	return c.patterns[texts]["amount"]
}

// Tag is the locale's BCP 47 tag, as for an HTML lang attribute: the language of the texts with the
// customer's region.
func (l *Locale) Tag() string { return l.tag.String() }

// Dir is the direction of writing, as for an HTML dir attribute: ltr or rtl.
func (l *Locale) Dir() string {
	switch script, _ := l.tag.Script(); script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// Text is the text of a key, such as "card.ending", with data filled in for its words in braces. A
// key that is not there, or a word that nothing is given for, gives the key: tests hold that
// neither happens.
func (l *Locale) Text(key string, data map[string]any) string {
	return l.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// Plural is the text of a key in the form that n things take in the language. {n} is filled in with
// n, grouped as the region does; data may be nil.
func (l *Locale) Plural(key string, n int, data map[string]any) string {
	all := map[string]any{"n": l.printer.Sprint(number.Decimal(n))}
	maps.Copy(all, data)
	return l.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: all, PluralCount: n})
}

func (l *Locale) localize(c *i18n.LocalizeConfig) string {
	c.TemplateParser = braces{}
	text, err := l.localizer.Localize(c)
	if err != nil || text == "" {
		return c.MessageID
	}
	return text
}

// Has says whether there is a text for the key, in any language and so in every one.
func (l *Locale) Has(key string) bool { return l.keys[key] }

// Reason says in a sentence why a payment did not go through. It is empty for a reason that it does
// not know.
func (l *Locale) Reason(r billing.Reason) string {
	if !r.Valid() {
		return ""
	}
	return l.Text("reason."+string(r), nil)
}

// Card names a card by Stripe's word for its brand and its last digits: "Visa ending in 4242". It
// is empty when the last digits are not known.
func (l *Locale) Card(brand, last4 string) string {
	if strings.TrimSpace(last4) == "" {
		return ""
	}
	data := map[string]any{"brand": Brand(brand), "last4": last4}
	if data["brand"] == "" {
		return l.Text("card.ending_plain", data)
	}
	return l.Text("card.ending", data)
}

// Brand spells out Stripe's card brands, which are names and the same in every language; it is
// empty for one it does not know. Source: docs.stripe.com/api/payment_methods/object, card.brand.
func Brand(brand string) string {
	switch brand {
	case "visa":
		return "Visa"
	case "mastercard":
		return "Mastercard"
	case "amex":
		return "American Express"
	case "discover":
		return "Discover"
	case "diners":
		return "Diners Club"
	case "jcb":
		return "JCB"
	case "unionpay":
		return "UnionPay"
	case "eftpos_au":
		return "eftpos"
	}
	return ""
}
