package billing

import (
	"errors"
	"strconv"
	"strings"

	"tranche/internal/calendar"
	"tranche/internal/money"
)

// Metadata keys. The first block is what a merchant sets on its own PaymentIntent to make a plan
// from it. The second block is what Tranche sets on its own PaymentIntents to find them again.
const (
	MetaReference  = "tranche_reference"
	MetaKind       = "tranche_kind"
	MetaTotal      = "tranche_total"
	MetaParts      = "tranche_parts"
	MetaEvery      = "tranche_every"
	MetaBalanceDue = "tranche_balance_due"
	MetaCustomer   = "tranche_customer"
	MetaEmail      = "tranche_email"
	MetaLocale     = "tranche_locale"
	MetaTimeZone   = "tranche_timezone"
	MetaPolicy     = "tranche_policy"
	MetaBackup     = "tranche_backup_cards_allowed"
	MetaAmount     = "tranche_amount"
	MetaUntil      = "tranche_until"
	MetaTrial      = "tranche_trial"
	MetaRemainder  = "tranche_remainder"
	MetaBusiness   = "tranche_business_day"
	MetaCatchUp    = "tranche_catch_up"

	MetaPlan    = "tranche_plan"
	MetaCharge  = "tranche_charge"
	MetaAttempt = "tranche_attempt"
)

// Metadata returns the metadata of the PaymentIntent that Tranche creates for this charge.
func (c Charge) Metadata(reference string, attempt AttemptID) map[string]string {
	return map[string]string{
		MetaReference: reference, MetaPlan: string(c.PlanID), MetaCharge: string(c.ID), MetaAttempt: string(attempt),
	}
}

// AsksForPlan reports whether the metadata of a merchant's PaymentIntent asks for a plan.
func AsksForPlan(metadata map[string]string) bool {
	return metadata[MetaKind] != "" && metadata[MetaCharge] == ""
}

// TermsFromMetadata reads the terms of a plan from a merchant's PaymentIntent, whose amount is the
// first part or the deposit. A customer without a reference gets the plan's reference. Errors:
// *InvalidError naming the keys.
func TermsFromMetadata(pi PaymentIntent) (Terms, error) {
	m, bad := pi.Metadata, &InvalidError{}
	t := Terms{
		Reference: m[MetaReference], Kind: PlanKind(m[MetaKind]), Currency: money.CurrencyOf(string(pi.Currency)),
		Total: metaInt(bad, m, MetaTotal), Every: m[MetaEvery], BalanceDue: m[MetaBalanceDue],
		Until: m[MetaUntil], Trial: m[MetaTrial], Remainder: money.Remainder(m[MetaRemainder]), BusinessDay: calendar.BusinessDay(m[MetaBusiness]), CatchUp: CatchUpOf(m[MetaCatchUp]),
		Policy: m[MetaPolicy], BackupCardsAllowed: metaBool(bad, m, MetaBackup),
		Customer: CustomerTerms{
			Reference: m[MetaCustomer], Email: m[MetaEmail], Locale: m[MetaLocale], TimeZone: m[MetaTimeZone],
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
	case KindDeposit:
		t.Deposit = pi.Amount
	case KindInstallments:
		t.Parts, t.FirstAmount = int(metaInt(bad, m, MetaParts)), pi.Amount
		if t.FirstAmount >= t.Total {
			bad.add(MetaTotal, "is %d, not more than the PaymentIntent's amount of %d", t.Total, pi.Amount)
		}
	case KindRecurring:
		t.Parts, t.FirstAmount, t.Amount = int(metaInt(bad, m, MetaParts)), pi.Amount, metaInt(bad, m, MetaAmount)
		if t.Amount == 0 && t.Trial == "" {
			t.Amount = pi.Amount
		}
	}
	return t, bad.orNil()
}

func metaInt(bad *InvalidError, m map[string]string, key string) int64 {
	if m[key] == "" {
		return 0
	}
	n, err := strconv.ParseInt(m[key], 10, 64)
	if err != nil {
		bad.add(key, "%q is not a whole number", m[key])
	}
	return n
}

func metaBool(bad *InvalidError, m map[string]string, key string) bool {
	switch m[key] {
	case "", "false":
		return false
	case "true":
		return true
	}
	bad.add(key, "%q is neither true nor false", m[key])
	return false
}

// metadataFields maps each field of Terms to its metadata key, so that faults name the key that the
// merchant wrote.
var metadataFields = map[string]string{
	"reference": MetaReference, "kind": MetaKind, "total": MetaTotal, "parts": MetaParts, "every": MetaEvery,
	"balance_due": MetaBalanceDue, "customer.reference": MetaCustomer, "customer.email": MetaEmail,
	"amount": MetaAmount, "until": MetaUntil, "trial": MetaTrial, "remainder": MetaRemainder, "business_day": MetaBusiness, "catch_up": MetaCatchUp,
	"policy": MetaPolicy, "backup_cards_allowed": MetaBackup, "customer.locale": MetaLocale, "customer.timezone": MetaTimeZone, "deposit": "amount", "first_amount": "amount",
}

// InMetadataWords replaces the fields of an *InvalidError with the metadata keys they came from.
func InMetadataWords(err error) error {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return err
	}
	out := &InvalidError{}
	for _, f := range invalid.Fields {
		if key, ok := metadataFields[strings.TrimSpace(f.Field)]; ok {
			f.Field = key
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}
