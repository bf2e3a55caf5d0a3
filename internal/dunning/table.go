// Package dunning decides what follows a decline: pure functions over a table of decline codes and a policy.
package dunning

import (
	"tranche/internal/billing"
)

// Class sorts declines by what can put them right.
type Class string

const (
	// ClassRetry may succeed later with the same card.
	ClassRetry Class = "retry_later"
	// ClassAuthenticate needs the customer to authenticate the same card. Time alone changes nothing.
	ClassAuthenticate Class = "authenticate"
	// ClassNewCard needs another card, or corrected details of this one.
	ClassNewCard Class = "new_card"
	// ClassStop forbids charging this card again: it is lost or stolen, or consent was withdrawn.
	ClassStop Class = "stop"
	// ClassOperator is not the customer's fault: the request or the account is wrong.
	ClassOperator Class = "operator"
)

// Row is what the table says of one decline code.
type Row struct {
	Class Class
	// Reason may be shown to the customer. It is ReasonDeclined where the true one must not be told (fraud, lost, stolen).
	// Stripe's own messages are not used: they are written for a checkout, and some tell what fraudsters want to know
	// (docs.stripe.com/declines/codes: present these as a generic decline).
	Reason billing.Reason
}

// table holds every decline code of docs.stripe.com/declines/codes, and Stripe's error codes that stand in for one.
// The class is a judgement built on Stripe's "next steps" column.
var table = map[string]Row{
	"authentication_required":               {Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate},
	"authentication_not_handled":            {Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate},
	"mobile_device_authentication_required": {Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate},
	"payment_intent_authentication_failure": {Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate},
	"setup_intent_authentication_failure":   {Class: ClassAuthenticate, Reason: billing.ReasonAuthenticate},
	"insufficient_funds":                    {Class: ClassRetry, Reason: billing.ReasonFunds},
	"withdrawal_count_limit_exceeded":       {Class: ClassRetry, Reason: billing.ReasonLimit},
	"card_velocity_exceeded":                {Class: ClassRetry, Reason: billing.ReasonLimit},
	"card_decline_rate_limit_exceeded":      {Class: ClassRetry, Reason: billing.ReasonLimit},
	"issuer_not_available":                  {Class: ClassRetry, Reason: billing.ReasonTemporary},
	"processing_error":                      {Class: ClassRetry, Reason: billing.ReasonTemporary},
	"reenter_transaction":                   {Class: ClassRetry, Reason: billing.ReasonTemporary},
	"try_again_later":                       {Class: ClassRetry, Reason: billing.ReasonTemporary},
	"approve_with_id":                       {Class: ClassRetry, Reason: billing.ReasonTemporary},
	"generic_decline":                       {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"card_declined":                         {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"do_not_honor":                          {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"call_issuer":                           {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"no_action_taken":                       {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"service_not_allowed":                   {Class: ClassRetry, Reason: billing.ReasonDeclined},
	"expired_card":                          {Class: ClassNewCard, Reason: billing.ReasonExpired},
	"invalid_expiry_month":                  {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"invalid_expiry_year":                   {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"incorrect_number":                      {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"invalid_number":                        {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"incorrect_cvc":                         {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"invalid_cvc":                           {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"incorrect_zip":                         {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"incorrect_address":                     {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"incorrect_pin":                         {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"invalid_pin":                           {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"pin_try_exceeded":                      {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"offline_pin_required":                  {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"online_or_offline_pin_required":        {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"card_not_supported":                    {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"currency_not_supported":                {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"new_account_information_available":     {Class: ClassNewCard, Reason: billing.ReasonDetails},
	"invalid_account":                       {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"testmode_decline":                      {Class: ClassNewCard, Reason: billing.ReasonUnsupported},
	"highest_risk_level":                    {Class: ClassNewCard, Reason: billing.ReasonDeclined},
	"transaction_not_allowed":               {Class: ClassStop, Reason: billing.ReasonDeclined},
	"not_permitted":                         {Class: ClassStop, Reason: billing.ReasonDeclined},
	"security_violation":                    {Class: ClassStop, Reason: billing.ReasonDeclined},
	"do_not_try_again":                      {Class: ClassStop, Reason: billing.ReasonDeclined},
	"restricted_card":                       {Class: ClassStop, Reason: billing.ReasonDeclined},
	"pickup_card":                           {Class: ClassStop, Reason: billing.ReasonDeclined},
	"fraudulent":                            {Class: ClassStop, Reason: billing.ReasonDeclined},
	"merchant_blacklist":                    {Class: ClassStop, Reason: billing.ReasonDeclined},
	"stolen_card":                           {Class: ClassStop, Reason: billing.ReasonDeclined},
	"lost_card":                             {Class: ClassStop, Reason: billing.ReasonDeclined},
	"stop_payment_order":                    {Class: ClassStop, Reason: billing.ReasonDeclined},
	"revocation_of_authorization":           {Class: ClassStop, Reason: billing.ReasonDeclined},
	"revocation_of_all_authorizations":      {Class: ClassStop, Reason: billing.ReasonDeclined},
	"duplicate_transaction":                 {Class: ClassOperator, Reason: billing.ReasonOurs},
	"invalid_amount":                        {Class: ClassOperator, Reason: billing.ReasonOurs},
}

// Classify finds the row of a failure: by its decline code, else by its code (some declines carry only one), else it
// is taken for a generic decline. An issuer's advice not to try again turns a timed retry into a new card.
func Classify(f billing.Failure) Row {
	row, ok := table[f.DeclineCode]
	if !ok {
		row, ok = table[f.Code]
	}
	if !ok {
		row = table["generic_decline"]
	}
	if row.Class == ClassRetry && f.AdviceCode == "do_not_try_again" {
		row.Class = ClassNewCard
	}
	return row
}
