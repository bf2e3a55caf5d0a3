package dunning

import "tranche/internal/billing"

// table is the decline table: the decline codes of docs.stripe.com/declines/codes and of stripe-go
// v76, the error codes of docs.stripe.com/error-codes that a failed payment has instead of a
// decline code, and Radar's blocks. Some error codes are newer than stripe-go v76:
// india_recurring_payment_mandate_canceled (August 2025), payment_intent_rate_limit_exceeded
// (October 2025). A failed payment that needs the customer must not be retried by time alone, so
// each of them has a row. The class is a judgment based on the column "next steps" there.
var table = byCode(
	fundsRows(), limitRows(), temporaryRows(), declinedRows(), authenticationRows(), detailRows(), cardRows(), fraudRows(),
	stopRows(), operatorRows(),
)

func byCode(groups ...[]Row) map[string]Row {
	rows := map[string]Row{}
	for _, group := range groups {
		for _, row := range group {
			rows[row.Code] = row
		}
	}
	return rows
}

func fundsRows() []Row {
	return []Row{
		{Code: "insufficient_funds", Class: ClassFunds, Reason: billing.ReasonFunds, Merchant: "too little money on the account"},
	}
}

func limitRows() []Row {
	return []Row{
		{Code: "withdrawal_count_limit_exceeded", Class: ClassLimit, Reason: billing.ReasonLimit, Merchant: "over the card's balance or credit limit"},
		{Code: "card_velocity_exceeded", Class: ClassLimit, Reason: billing.ReasonLimit, Merchant: "over the card's limit of amount or number"},
		{Code: "card_decline_rate_limit_exceeded", Class: ClassLimit, Reason: billing.ReasonLimit, Wait: day,
			Merchant: "declined too often: Stripe takes the card again after 24 hours"},
		{Code: "charge_exceeds_source_limit", Class: ClassLimit, Reason: billing.ReasonLimit, Merchant: "over what Stripe takes from the card in a while"},
		{Code: "charge_exceeds_transaction_limit", Class: ClassLimit, Reason: billing.ReasonLimit, Merchant: "over Stripe's limit for one payment"},
		{Code: "charge_exceeds_weekly_limit", Class: ClassLimit, Reason: billing.ReasonLimit, Merchant: "over Stripe's limit for a week"},
	}
}

func temporaryRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassTemporary, Reason: billing.ReasonTemporary, Merchant: merchant}
	}
	return []Row{
		row("issuer_not_available", "the issuer could not be reached"),
		row("processing_error", "an error while the card was processed"),
		row("reenter_transaction", "the issuer could not process it, for an unknown reason"),
		row("try_again_later", "declined for an unknown reason, for now"),
		row("approve_with_id", "the payment can't be authorised"),
		row("payment_method_provider_timeout", "the network did not answer in time"),
		row("payment_intent_rate_limit_exceeded", "Stripe's rate limit for one PaymentIntent was reached"),
	}
}

func declinedRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassDeclined, Reason: billing.ReasonDeclined, Merchant: merchant}
	}
	return []Row{
		row("generic_decline", "declined for an unknown reason, or by a rule of Radar"),
		row("card_declined", "declined; Stripe gave no decline code"),
		row("do_not_honor", "declined for an unknown reason"),
		row("call_issuer", "declined; the customer has to ask the bank why"),
		row("no_action_taken", "declined for an unknown reason"),
		row("service_not_allowed", "declined for an unknown reason"),
		row("payment_intent_payment_attempt_failed", "the attempt failed; Stripe says no more"),
		row("setup_attempt_failed", "saving the card failed; Stripe says no more"),
		row("payment_method_provider_decline", "declined by the network"),
		row("refer_to_customer", "declined; the customer has to ask the bank why"),
	}
}

// authenticationRows are a state rather than a failure: the customer is asked, and time changes
// nothing.
func authenticationRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate, Merchant: merchant}
	}
	return []Row{
		row("authentication_required", "the issuer wants the customer to authenticate"),
		row("authentication_not_handled", "the issuer wants the customer to authenticate"),
		row("mobile_device_authentication_required", "the issuer wants the customer to authenticate on a phone"),
		row("payment_intent_authentication_failure", "the customer did not pass the authentication"),
		row("setup_intent_authentication_failure", "the customer did not pass the authentication"),
		row("payment_intent_action_required", "the payment needs the customer"),
		row("payment_intent_payment_attempt_expired", "the customer did not finish in time"),
		row("setup_intent_setup_attempt_expired", "the customer did not finish in time"),
		row("payment_intent_mandate_invalid", "the customer's agreement at the bank is not valid"),
		row("setup_intent_mandate_invalid", "the customer's agreement at the bank is not valid"),
		row("billing_invalid_mandate", "the card has no agreement at the bank; the customer must confirm a payment in person"),
		row("invoice_payment_intent_requires_action", "the payment needs the customer"),
		row("transaction_not_approved", "the customer did not approve the payment at the bank"),
	}
}

func detailRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassNewCard, Reason: billing.ReasonDetails, Merchant: merchant}
	}
	return []Row{
		{Code: "expired_card", Class: ClassNewCard, Reason: billing.ReasonExpired, Merchant: "the card has expired"},
		row("invalid_expiry_month", "the expiry month is wrong"),
		row("invalid_expiry_year", "the expiry year is wrong"),
		row("incorrect_number", "the card number is wrong"),
		row("invalid_number", "the card number is wrong"),
		row("incorrect_cvc", "the security code is wrong"),
		row("invalid_cvc", "the security code is wrong"),
		row("incorrect_zip", "the postal code is wrong"),
		row("postal_code_invalid", "the postal code is wrong"),
		row("incorrect_address", "the address is wrong"),
		row("payment_method_billing_details_address_missing", "the address is missing"),
		row("new_account_information_available", "the card has new details"),
	}
}

func cardRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassNewCard, Reason: billing.ReasonUnsupported, Merchant: merchant}
	}
	return []Row{
		row("incorrect_pin", "the card wants a PIN, which only a terminal can ask for"),
		row("invalid_pin", "the card wants a PIN, which only a terminal can ask for"),
		row("pin_try_exceeded", "the PIN was entered wrongly too often"),
		row("offline_pin_required", "the card wants a PIN, which only a terminal can ask for"),
		row("online_or_offline_pin_required", "the card wants a PIN, which only a terminal can ask for"),
		row("card_not_supported", "the card does not allow such payments"),
		row("invalid_card_type", "a card of this kind can't be charged so"),
		row("currency_not_supported", "the card does not allow the currency"),
		row("payment_method_currency_mismatch", "the card does not allow the currency"),
		row("invalid_account", "the card, or the account behind it, is not valid"),
		row("testmode_decline", "a test card in live mode, or the other way round"),
		row("payment_intent_incompatible_payment_method", "the payment does not take this card"),
		row("payment_method_not_available", "the card can't be charged at present"),
		row("payment_method_unactivated", "cards of this kind are not turned on in the account"),
		row("payment_method_unsupported_type", "the payment does not take this card"),
		row("token_card_network_invalid", "the network does not know the card's token"),
		row("payment_method_customer_decline", "the customer declined the payment"),
		row("account_closed", "the account behind the payment method is closed"),
		row("bank_account_declined", "the bank account can't be used"),
		row("bank_account_restricted", "the bank account can't be used"),
		row("bank_account_unusable", "the bank account can't be used"),
		row("payment_method_bank_account_blocked", "the bank account can't be used"),
	}
}

// fraudRows must look like a generic decline to a customer, who must never learn that fraud was
// suspected (docs.stripe.com/declines/codes).
func fraudRows() []Row {
	row := func(code string, class Class, merchant string) Row {
		return Row{Code: code, Class: class, Reason: billing.ReasonDeclined, Secret: true, Merchant: merchant}
	}
	return []Row{
		row("fraudulent", ClassStop, "Stripe or the issuer suspects fraud"),
		row("merchant_blacklist", ClassStop, "on your block list in Radar"),
		row("stolen_card", ClassStop, "reported stolen"),
		row("lost_card", ClassStop, "reported lost"),
		row("pickup_card", ClassStop, "may be lost or stolen"),
		row("restricted_card", ClassStop, "may be lost or stolen"),
		row("security_violation", ClassStop, "declined for an unknown reason, with a hint of fraud"),
		row("highest_risk_level", ClassNewCard, "Radar takes it for too risky; the issuer was not asked"),
		row("elevated_risk_level", ClassNewCard, "Radar takes it for risky"),
		row("rule", ClassNewCard, "blocked by a rule of yours in Radar; the issuer was not asked"),
		row(CodeBlocked, ClassNewCard, "blocked by Radar; the issuer was not asked"),
	}
}

func stopRows() []Row {
	row := func(code string, class Class, merchant string) Row {
		return Row{Code: code, Class: class, Reason: billing.ReasonDeclined, Merchant: merchant}
	}
	return []Row{
		row("transaction_not_allowed", ClassStop, "the card does not allow such payments"),
		row("not_permitted", ClassStop, "the card does not permit the payment"),
		row("do_not_try_again", ClassStop, "the issuer wants no further attempt"),
		row("stop_payment_order", ClassWithdrawn, "the customer stopped the payments at the bank"),
		row("revocation_of_authorization", ClassWithdrawn, "the customer withdrew consent at the bank"),
		row("revocation_of_all_authorizations", ClassWithdrawn, "the customer withdrew every consent at the bank"),
		row("india_recurring_payment_mandate_canceled", ClassWithdrawn, "the customer canceled the e-mandate at the bank"),
		row("debit_not_authorized", ClassWithdrawn, "the customer reported the debit to the bank as not authorized"),
	}
}

func operatorRows() []Row {
	row := func(code, merchant string) Row {
		return Row{Code: code, Class: ClassOperator, Reason: billing.ReasonOurs, Merchant: merchant}
	}
	return []Row{
		row("duplicate_transaction", "the same amount was charged to the card a moment ago: check whether it is paid"),
		row("invalid_amount", "the amount is not allowed"),
		row("invalid_charge_amount", "the amount is not allowed"),
		row("amount_too_large", "the amount is more than Stripe takes"),
		row("amount_too_small", "the amount is less than Stripe takes"),
		row("testmode_charges_only", "the account is not activated for live payments"),
	}
}
