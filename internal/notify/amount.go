package notify

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"tranche/internal/billing"
)

// formatAmount writes an amount of minor units with the currency's symbol and the locale's separators: 33300 gbp is
// "£333.00" in en-GB and 33300 jpy is "￥33,300" in ja-JP. The symbol stands first, as in the English around it.
// The decimals are Stripe's, not those of the locale data, which rounds some currencies to whole units.
func formatAmount(amount int64, c billing.Currency, locale string) string {
	p := printer(locale)
	decimals := c.Decimals()
	// Stripe's greatest amount has 12 digits, which a float64 holds exactly enough for 3 decimals.
	value := float64(amount) / math.Pow10(decimals)
	text := p.Sprint(number.Decimal(math.Abs(value), number.Scale(decimals)))
	symbol := symbolOf(p, c)
	if last, _ := utf8.DecodeLastRuneInString(symbol); unicode.IsLetter(last) {
		symbol += "\u00a0" // no line break between
	}
	if amount < 0 {
		return "-" + symbol + text
	}
	return symbol + text
}

// printer formats for a locale, or for English when it is not known.
func printer(locale string) *message.Printer {
	tag, err := language.Parse(locale)
	if err != nil || tag == language.Und {
		tag = language.English
	}
	return message.NewPrinter(tag)
}

// symbolOf is the currency's symbol, or its code where the symbol is in letters that do not go with English.
func symbolOf(p *message.Printer, c billing.Currency) string {
	code := strings.ToUpper(string(c))
	unit, err := currency.ParseISO(code)
	if err != nil {
		return code
	}
	symbol := p.Sprint(currency.Symbol(unit))
	for _, r := range symbol {
		if unicode.IsLetter(r) && !unicode.Is(unicode.Latin, r) || unicode.Is(unicode.Cf, r) {
			return code
		}
	}
	return symbol
}
