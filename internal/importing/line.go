package importing

import (
	"strconv"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/export"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// Line is one plan, in the words of docs/import.md. Amounts are minor units.
type Line struct {
	Reference string           `json:"reference"`
	Kind      billing.PlanKind `json:"kind"`
	Currency  money.Currency   `json:"currency"`

	Paid   int64  `json:"paid,omitempty"`    // paid before the import, elsewhere
	PaidAt string `json:"paid_at,omitempty"` // when the last of it was paid; empty means now

	// The remaining charges: a list, or an amount at an interval.
	Charges []terms.Charge `json:"charges,omitempty"`
	Amount  int64          `json:"amount,omitempty"`
	Every   string         `json:"every,omitempty"`
	Next    string         `json:"next,omitempty"`
	Left    int            `json:"left,omitempty"`
	Until   string         `json:"until,omitempty"`
	Anchor  string         `json:"anchor,omitempty"` // the date that intervals are counted from; empty means Next

	Card      string `json:"card"` // pm_…
	CardBrand string `json:"card_brand,omitempty"`
	CardLast4 string `json:"card_last4,omitempty"`
	CardExp   string `json:"card_exp,omitempty"` // MM/YYYY

	BusinessDay        calendar.BusinessDay `json:"business_day,omitempty"`
	CatchUp            billing.CatchUp      `json:"catch_up,omitempty"`
	Policy             string               `json:"policy,omitempty"`
	BackupCardsAllowed bool                 `json:"backup_cards_allowed,omitempty"`
	Account            string               `json:"account,omitempty"`
	Description        string               `json:"description,omitempty"`
	Customer           terms.Customer       `json:"customer"`
}

// field reads one cell of CSV into a line.
type field func(l *Line, cell string) error

func textField(of func(*Line) *string) field {
	return func(l *Line, cell string) error { *of(l) = export.Unguard(cell); return nil }
}

func amountField(of func(*Line) *int64) field {
	return func(l *Line, cell string) (err error) {
		*of(l), err = strconv.ParseInt(cell, 10, 64)
		return err
	}
}

// csvFields are the possible columns, in any order.
var csvFields = map[string]field{
	"reference":   textField(func(l *Line) *string { return &l.Reference }),
	"kind":        func(l *Line, cell string) error { l.Kind = billing.PlanKind(cell); return nil },
	"currency":    func(l *Line, cell string) error { l.Currency = money.CurrencyOf(strings.TrimSpace(cell)); return nil },
	"paid":        amountField(func(l *Line) *int64 { return &l.Paid }),
	"paid_at":     textField(func(l *Line) *string { return &l.PaidAt }),
	"charges":     chargesField,
	"amount":      amountField(func(l *Line) *int64 { return &l.Amount }),
	"every":       textField(func(l *Line) *string { return &l.Every }),
	"next":        textField(func(l *Line) *string { return &l.Next }),
	"left":        func(l *Line, cell string) (err error) { l.Left, err = strconv.Atoi(cell); return err },
	"until":       textField(func(l *Line) *string { return &l.Until }),
	"anchor":      textField(func(l *Line) *string { return &l.Anchor }),
	"card":        textField(func(l *Line) *string { return &l.Card }),
	"card_brand":  textField(func(l *Line) *string { return &l.CardBrand }),
	"card_last4":  textField(func(l *Line) *string { return &l.CardLast4 }),
	"card_exp":    textField(func(l *Line) *string { return &l.CardExp }),
	"policy":      textField(func(l *Line) *string { return &l.Policy }),
	"account":     textField(func(l *Line) *string { return &l.Account }),
	"description": textField(func(l *Line) *string { return &l.Description }),
	"business_day": func(l *Line, cell string) error {
		l.BusinessDay = calendar.BusinessDay(cell)
		return nil
	},
	"catch_up": func(l *Line, cell string) error {
		l.CatchUp = billing.CatchUpOf(cell)
		return nil
	},
	"backup_cards_allowed": func(l *Line, cell string) (err error) {
		l.BackupCardsAllowed, err = strconv.ParseBool(cell)
		return err
	},
	"customer":        textField(func(l *Line) *string { return &l.Customer.Reference }),
	"email":           textField(func(l *Line) *string { return &l.Customer.Email }),
	"name":            textField(func(l *Line) *string { return &l.Customer.Name }),
	"locale":          textField(func(l *Line) *string { return &l.Customer.Locale }),
	"timezone":        textField(func(l *Line) *string { return &l.Customer.TimeZone }),
	"stripe_customer": textField(func(l *Line) *string { return &l.Customer.StripeCustomer }),
}

// chargesField reads "33333 2026-02-01; 33334 2026-03-01".
func chargesField(l *Line, cell string) error {
	for entry := range strings.SplitSeq(cell, ";") {
		amount, due, _ := strings.Cut(strings.TrimSpace(entry), " ")
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return err
		}
		l.Charges = append(l.Charges, terms.Charge{Amount: n, Due: strings.TrimSpace(due)})
	}
	return nil
}

// exp parses the card's expiry; zeros if none is given.
func (l Line) exp() (month, year int, ok bool) {
	if l.CardExp == "" {
		return 0, 0, true
	}
	t, err := time.Parse("1/2006", l.CardExp)
	return int(t.Month()), t.Year(), err == nil
}

// terms returns the plan's terms from the import on. They are stored, and a second import compares
// the same line with them.
func (l Line) terms() terms.Terms {
	t := terms.Terms{
		Reference: l.Reference, Kind: l.Kind, Currency: l.Currency, Total: l.Paid, Charges: l.Charges, Amount: l.Amount, Every: l.Every,
		Parts: l.Left, Until: l.Until, Starts: l.Next, Card: l.Card, BusinessDay: l.BusinessDay, CatchUp: l.CatchUp, Account: l.Account, Policy: l.Policy,
		BackupCardsAllowed: l.BackupCardsAllowed, Description: l.Description, Customer: l.Customer,
	}
	for _, c := range l.Charges {
		t.Total += c.Amount
	}
	return t
}

// canonical returns the terms as they are stored.
func (l Line) canonical() []byte {
	b, err := l.terms().JSON()
	if err != nil {
		panic("importing: terms can't be written as JSON: " + err.Error()) // plain texts and numbers always can
	}
	return b
}
