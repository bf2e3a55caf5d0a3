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
	// Reason may be shown to the customer. It is neutral where the true one must not be told (fraud, lost, stolen).
	Reason string
}

// What customers are told. Stripe's own messages are not used: they are written for a checkout, and some tell what
// fraudsters want to know (docs.stripe.com/declines/codes: present these as a generic decline).
const (
	reasonNeutral      = "Your bank declined the payment."
	reasonFunds        = "There was not enough money available on the card."
	reasonLimit        = "The card's limit was reached."
	reasonTemporary    = "Your bank could not process the payment at that moment."
	reasonExpired      = "The card has expired."
	reasonDetails      = "The card's details are not right."
	reasonUnsupported  = "The card can't be used for this payment."
	reasonAuthenticate = "Your bank wants you to confirm this payment."
	reasonNoCard       = "The saved card can no longer be charged."
	reasonOurs         = "The payment could not be processed. You need not do anything."
)

// table holds every decline code of docs.stripe.com/declines/codes, and Stripe's error codes that stand in for one.
// The class is a judgement built on Stripe's "next steps" column.
var table = map[string]Row{
	"authentication_required":               {Class: ClassAuthenticate, Reason: reasonAuthenticate},
	"authentication_not_handled":            {Class: ClassAuthenticate, Reason: reasonAuthenticate},
	"mobile_device_authentication_required": {Class: ClassAuthenticate, Reason: reasonAuthenticate},
	"payment_intent_authentication_failure": {Class: ClassAuthenticate, Reason: reasonAuthenticate},
	"setup_intent_authentication_failure":   {Class: ClassAuthenticate, Reason: reasonAuthenticate},
	"insufficient_funds":                    {Class: ClassRetry, Reason: reasonFunds},
	"withdrawal_count_limit_exceeded":       {Class: ClassRetry, Reason: reasonLimit},
	"card_velocity_exceeded":                {Class: ClassRetry, Reason: reasonLimit},
	"card_decline_rate_limit_exceeded":      {Class: ClassRetry, Reason: reasonLimit},
	"issuer_not_available":                  {Class: ClassRetry, Reason: reasonTemporary},
	"processing_error":                      {Class: ClassRetry, Reason: reasonTemporary},
	"reenter_transaction":                   {Class: ClassRetry, Reason: reasonTemporary},
	"try_again_later":                       {Class: ClassRetry, Reason: reasonTemporary},
	"approve_with_id":                       {Class: ClassRetry, Reason: reasonTemporary},
	"generic_decline":                       {Class: ClassRetry, Reason: reasonNeutral},
	"card_declined":                         {Class: ClassRetry, Reason: reasonNeutral},
	"do_not_honor":                          {Class: ClassRetry, Reason: reasonNeutral},
	"call_issuer":                           {Class: ClassRetry, Reason: reasonNeutral},
	"no_action_taken":                       {Class: ClassRetry, Reason: reasonNeutral},
	"service_not_allowed":                   {Class: ClassRetry, Reason: reasonNeutral},
	"expired_card":                          {Class: ClassNewCard, Reason: reasonExpired},
	"invalid_expiry_month":                  {Class: ClassNewCard, Reason: reasonDetails},
	"invalid_expiry_year":                   {Class: ClassNewCard, Reason: reasonDetails},
	"incorrect_number":                      {Class: ClassNewCard, Reason: reasonDetails},
	"invalid_number":                        {Class: ClassNewCard, Reason: reasonDetails},
	"incorrect_cvc":                         {Class: ClassNewCard, Reason: reasonDetails},
	"invalid_cvc":                           {Class: ClassNewCard, Reason: reasonDetails},
	"incorrect_zip":                         {Class: ClassNewCard, Reason: reasonDetails},
	"incorrect_address":                     {Class: ClassNewCard, Reason: reasonDetails},
	"incorrect_pin":                         {Class: ClassNewCard, Reason: reasonUnsupported},
	"invalid_pin":                           {Class: ClassNewCard, Reason: reasonUnsupported},
	"pin_try_exceeded":                      {Class: ClassNewCard, Reason: reasonUnsupported},
	"offline_pin_required":                  {Class: ClassNewCard, Reason: reasonUnsupported},
	"online_or_offline_pin_required":        {Class: ClassNewCard, Reason: reasonUnsupported},
	"card_not_supported":                    {Class: ClassNewCard, Reason: reasonUnsupported},
	"currency_not_supported":                {Class: ClassNewCard, Reason: reasonUnsupported},
	"new_account_information_available":     {Class: ClassNewCard, Reason: reasonDetails},
	"invalid_account":                       {Class: ClassNewCard, Reason: reasonUnsupported},
	"testmode_decline":                      {Class: ClassNewCard, Reason: reasonUnsupported},
	"highest_risk_level":                    {Class: ClassNewCard, Reason: reasonNeutral},
	"transaction_not_allowed":               {Class: ClassStop, Reason: reasonNeutral},
	"not_permitted":                         {Class: ClassStop, Reason: reasonNeutral},
	"security_violation":                    {Class: ClassStop, Reason: reasonNeutral},
	"do_not_try_again":                      {Class: ClassStop, Reason: reasonNeutral},
	"restricted_card":                       {Class: ClassStop, Reason: reasonNeutral},
	"pickup_card":                           {Class: ClassStop, Reason: reasonNeutral},
	"fraudulent":                            {Class: ClassStop, Reason: reasonNeutral},
	"merchant_blacklist":                    {Class: ClassStop, Reason: reasonNeutral},
	"stolen_card":                           {Class: ClassStop, Reason: reasonNeutral},
	"lost_card":                             {Class: ClassStop, Reason: reasonNeutral},
	"stop_payment_order":                    {Class: ClassStop, Reason: reasonNeutral},
	"revocation_of_authorization":           {Class: ClassStop, Reason: reasonNeutral},
	"revocation_of_all_authorizations":      {Class: ClassStop, Reason: reasonNeutral},
	"duplicate_transaction":                 {Class: ClassOperator, Reason: reasonOurs},
	"invalid_amount":                        {Class: ClassOperator, Reason: reasonOurs},
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
