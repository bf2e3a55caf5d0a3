package billing

import (
	"encoding/json"
	"fmt"
)

// Description returns what the merchant sells with the plan, such as "Oak table"; empty when the
// terms hold no description.
func (p Plan) Description() string {
	var t struct {
		Description string `json:"description"`
	}
	if json.Unmarshal(p.Terms, &t) != nil {
		return "" // unreadable terms hold no description
	}
	return t.Description
}

// Label returns the name of the plan that customers see: its description and reference, or the
// reference alone.
func (p Plan) Label() string { return LabelOf(p.Description(), p.Reference) }

// LabelOf returns the label of a plan: see Plan.Label.
func LabelOf(description, reference string) string {
	if description == "" {
		return reference
	}
	return fmt.Sprintf("%s (%s)", description, reference)
}

// PaymentDescription returns the description of a payment at Stripe, such as "Oak table (2 of 3)".
// of is the number of charges of the plan.
func (p Plan) PaymentDescription(c Charge, of int) string {
	what := p.Description()
	if what == "" {
		what = p.Reference
	}
	switch {
	case p.Kind == KindRecurring:
		return fmt.Sprintf("%s (%d)", what, c.Sequence)
	case of <= 1:
		return what
	}
	return fmt.Sprintf("%s (%d of %d)", what, c.Sequence, of)
}

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
