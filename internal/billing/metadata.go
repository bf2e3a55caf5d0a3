package billing

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
