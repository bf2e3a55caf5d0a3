package locale

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"tranche/internal/money"
)

// Amount writes an amount of minor units with the currency's symbol and the locale's separators:
// 33300 gbp is "£333.00" in en-GB, "333,00 £" in de-DE, and 33300 jpy is "￥33,300" in ja-JP. Blanks
// in it are no-break spaces. The decimals are Stripe's, not those of the locale data, which rounds
// some currencies to whole units.
func (l *Locale) Amount(minor int64, c money.Currency) string {
	decimals := c.Decimals()
	// Stripe's greatest amount has 12 digits, which a float64 holds exactly enough for 3 decimals.
	value := math.Abs(float64(minor) / math.Pow10(decimals))
	symbol, pattern := symbolOf(l.printer, c), l.amount
	if last, _ := utf8.DecodeLastRuneInString(symbol); unicode.IsLetter(last) {
		pattern = strings.Replace(pattern, "{symbol}{number}", "{symbol}\u00a0{number}", 1)
	}
	text := strings.NewReplacer("{symbol}", symbol, "{number}", l.printer.Sprint(number.Decimal(value, number.Scale(decimals)))).Replace(pattern)
	if minor < 0 {
		text = "-" + text
	}
	return strings.Trim(text, "\u00a0") // where there is no symbol
}

// symbolOf is the currency's symbol, or its code where the symbol is in letters that do not go with
// the text around it.
func symbolOf(p *message.Printer, c money.Currency) string {
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
