package terms

import (
	"errors"
	"strconv"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// FromMetadata reads the terms of a plan from a merchant's PaymentIntent, whose amount is the
// first part or the deposit. A customer without a reference gets the plan's reference. Errors:
// *InvalidError naming the keys.
func FromMetadata(pi billing.PaymentIntent) (Terms, error) {
	m, bad := pi.Metadata, &billing.InvalidError{}
	t := Terms{
		Reference: m[billing.MetaReference], Kind: billing.PlanKind(m[billing.MetaKind]), Currency: money.CurrencyOf(string(pi.Currency)),
		Total: metaInt(bad, m, billing.MetaTotal), Every: m[billing.MetaEvery], BalanceDue: m[billing.MetaBalanceDue],
		Until: m[billing.MetaUntil], Trial: m[billing.MetaTrial], Remainder: money.Remainder(m[billing.MetaRemainder]), BusinessDay: calendar.BusinessDay(m[billing.MetaBusiness]), CatchUp: billing.CatchUpOf(m[billing.MetaCatchUp]),
		Policy: m[billing.MetaPolicy], BackupCardsAllowed: metaBool(bad, m, billing.MetaBackup),
		Customer: Customer{
			Reference: m[billing.MetaCustomer], Email: m[billing.MetaEmail], Locale: m[billing.MetaLocale], TimeZone: m[billing.MetaTimeZone],
		},
	}
	if t.Reference == "" {
		t.Reference = pi.ID
	}
	if t.Customer.Reference == "" {
		t.Customer.Reference = t.Reference
	}
	if t.Customer.Email == "" {
		t.Customer.Email = pi.ReceiptEmail
	}
	switch t.Kind {
	case billing.KindDeposit:
		t.Deposit = pi.Amount
	case billing.KindInstallments:
		t.Parts, t.FirstAmount = int(metaInt(bad, m, billing.MetaParts)), pi.Amount
		if t.FirstAmount >= t.Total {
			bad.Add(billing.MetaTotal, "is %d, not more than the PaymentIntent's amount of %d", t.Total, pi.Amount)
		}
	case billing.KindRecurring:
		t.Parts, t.FirstAmount, t.Amount = int(metaInt(bad, m, billing.MetaParts)), pi.Amount, metaInt(bad, m, billing.MetaAmount)
		if t.Amount == 0 && t.Trial == "" {
			t.Amount = pi.Amount
		}
	}
	return t, bad.OrNil()
}

func metaInt(bad *billing.InvalidError, m map[string]string, key string) int64 {
	if m[key] == "" {
		return 0
	}
	n, err := strconv.ParseInt(m[key], 10, 64)
	if err != nil {
		bad.Add(key, "%q is not a whole number", m[key])
	}
	return n
}

func metaBool(bad *billing.InvalidError, m map[string]string, key string) bool {
	switch m[key] {
	case "", "false":
		return false
	case "true":
		return true
	}
	bad.Add(key, "%q is neither true nor false", m[key])
	return false
}

// metadataFields maps each field of Terms to its metadata key, so that faults name the key that the
// merchant wrote.
var metadataFields = map[string]string{
	"reference": billing.MetaReference, "kind": billing.MetaKind, "total": billing.MetaTotal, "parts": billing.MetaParts, "every": billing.MetaEvery,
	"balance_due": billing.MetaBalanceDue, "customer.reference": billing.MetaCustomer, "customer.email": billing.MetaEmail,
	"amount": billing.MetaAmount, "until": billing.MetaUntil, "trial": billing.MetaTrial, "remainder": billing.MetaRemainder, "business_day": billing.MetaBusiness, "catch_up": billing.MetaCatchUp,
	"policy": billing.MetaPolicy, "backup_cards_allowed": billing.MetaBackup, "customer.locale": billing.MetaLocale, "customer.timezone": billing.MetaTimeZone, "deposit": "amount", "first_amount": "amount",
}

// InMetadataWords replaces the fields of an *InvalidError with the metadata keys they came from.
func InMetadataWords(err error) error {
	var invalid *billing.InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	out := &billing.InvalidError{}
	for _, f := range invalid.Fields {
		if key, ok := metadataFields[strings.TrimSpace(f.Field)]; ok {
			f.Field = key
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}
