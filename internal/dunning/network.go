package dunning

import (
	"maps"
	"slices"
	"time"
)

// Stripe's advice codes. Source: docs.stripe.com/declines/codes, "Advice codes". stripe-go v76
// lacks them; package stripegw reads them, and the network's codes, from the response body.
const (
	adviceConfirmData = "confirm_card_data"
	adviceStop        = "do_not_try_again"
	adviceLater       = "try_again_later"
)

// Advice describes how an issuer's advice changes a decline that time might have fixed.
type Advice struct {
	Code  string
	Means string
	Class Class         // the new class; empty for no change
	After time.Duration // time from the decline until the next attempt; 0 if none is named
}

// StripeAdvice returns the values of advice_code.
func StripeAdvice() []Advice {
	return []Advice{
		{Code: adviceConfirmData, Means: "check the card's details", Class: ClassNewCard},
		{Code: adviceStop, Means: "do not try this card again", Class: ClassNewCard},
		{Code: adviceLater, Means: "try again later"},
	}
}

// merchantAdvice holds Mastercard's merchant advice codes, in Stripe's network_advice_code. Stripe
// sends the same numbers for other networks. Sources: developer.paypal.com/braintree, "Merchant
// Advice Codes"; docs.payabl.com, "MasterCard Merchant Advice Codes"; docs.solidgate.com, "Merchant
// advice codes"; developer.cybersource.com, mandate of April 2024 for 42. The sources disagree
// about 22, so it changes nothing. Codes 24 to 30 accompany insufficient funds and name the time of
// the next attempt. Each costs the merchant 0.02 USD since February 2026 (TabaPay), so the retry is
// scheduled at that time.
var merchantAdvice = map[string]Advice{
	"01": {Means: "the card has new details", Class: ClassNewCard},
	"02": {Means: "can't be approved now, try again later"},
	"03": {Means: "do not try again", Class: ClassNewCard},
	"04": {Means: "the network's token is not supported"},
	"21": {Means: "the customer cancelled the payments", Class: ClassWithdrawn},
	"22": {Means: "the merchant does not qualify for the product"},
	"24": {Means: "try again after 1 hour", After: time.Hour},
	"25": {Means: "try again after 24 hours", After: day},
	"26": {Means: "try again after 2 days", After: 2 * day},
	"27": {Means: "try again after 4 days", After: 4 * day},
	"28": {Means: "try again after 6 days", After: 6 * day},
	"29": {Means: "try again after 8 days", After: 8 * day},
	"30": {Means: "try again after 10 days", After: 10 * day},
	"40": {Means: "a prepaid card that can't be reloaded", Class: ClassNewCard},
	"41": {Means: "a virtual card for one payment", Class: ClassNewCard},
	"42": {Means: "over the threshold of a sanctions check", Class: ClassNewCard},
	"43": {Means: "a virtual card for several payments"},
}

// NetworkAdvice returns the known values of network_advice_code, by code.
func NetworkAdvice() []Advice {
	list := make([]Advice, 0, len(merchantAdvice))
	for _, code := range slices.Sorted(maps.Keys(merchantAdvice)) {
		a := merchantAdvice[code]
		a.Code = code
		list = append(list, a)
	}
	return list
}

// NetworkDecline is a response code of Visa with its category.
type NetworkDecline struct {
	Code     string
	Category int // 1: never again; 2: later; 3: with other details; 4: all others, later
	Means    string
}

// visaNever is Visa's category 1.
const visaNever = 1

// visaDeclines holds Visa's response codes, in Stripe's network_decline_code. Codes that are not
// listed are in category 4. Sources: docs.checkout.com, "Visa response code categories";
// developers.tabapay.com, "Excessive retry rules"; support.forte.net, "Visa decline response code
// rules". They place 14 in category 1 or 3: the safe category is used. Only Forte lists 03, 62, 78
// and 93 in category 1. Since 25 October 2026 code 57 is in category 1, 83 in category 2, and 46
// means a deactivated token (TabaPay's bulletin).
var visaDeclines = map[string]NetworkDecline{
	"04": {Category: visaNever, Means: "pick up card"},
	"07": {Category: visaNever, Means: "pick up card, special conditions"},
	"12": {Category: visaNever, Means: "invalid transaction"},
	"14": {Category: visaNever, Means: "invalid account number"},
	"15": {Category: visaNever, Means: "no such issuer"},
	"41": {Category: visaNever, Means: "lost card"},
	"43": {Category: visaNever, Means: "stolen card"},
	"46": {Category: visaNever, Means: "closed account or deactivated token: the card's data is stale"},
	"57": {Category: visaNever, Means: "not permitted to the cardholder"},
	"R0": {Category: visaNever, Means: "stop payment order"},
	"R1": {Category: visaNever, Means: "authorisation revoked"},
	"R3": {Category: visaNever, Means: "all authorisations revoked"},
	"03": {Category: 2, Means: "invalid merchant"},
	"19": {Category: 2, Means: "enter again"},
	"51": {Category: 2, Means: "insufficient funds"},
	"59": {Category: 2, Means: "suspected fraud"},
	"61": {Category: 2, Means: "over the amount limit"},
	"62": {Category: 2, Means: "restricted card"},
	"65": {Category: 2, Means: "over the frequency limit"},
	"75": {Category: 2, Means: "too many PIN tries"},
	"78": {Category: 2, Means: "blocked, first use"},
	"83": {Category: 2, Means: "suspected fraud or security"},
	"86": {Category: 2, Means: "machine malfunction"},
	"91": {Category: 2, Means: "issuer not available"},
	"93": {Category: 2, Means: "can't be completed"},
	"96": {Category: 2, Means: "system malfunction"},
	"N3": {Category: 2, Means: "cash not available"},
	"N4": {Category: 2, Means: "over the issuer's limit"},
	"54": {Category: 3, Means: "expired card"},
	"55": {Category: 3, Means: "incorrect PIN"},
	"82": {Category: 3, Means: "security check failed"},
	"1A": {Category: 3, Means: "authentication required"},
	"6P": {Category: 3, Means: "cardholder's identity not verified"},
	"N7": {Category: 3, Means: "security code failed"},
}

// VisaDeclines returns the known response codes, by code.
func VisaDeclines() []NetworkDecline {
	list := make([]NetworkDecline, 0, len(visaDeclines))
	for _, code := range slices.Sorted(maps.Keys(visaDeclines)) {
		d := visaDeclines[code]
		d.Code = code
		list = append(list, d)
	}
	return list
}
