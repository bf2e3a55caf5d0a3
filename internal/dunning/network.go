package dunning

import (
	"maps"
	"slices"
	"time"

	"tranche/internal/billing"
)

// Stripe's advice codes. Source: docs.stripe.com/declines/codes, "Advice codes". They are not in stripe-go v76; package
// stripegw reads them, and the network's, from the answer itself.
const (
	adviceConfirmData = "confirm_card_data"
	adviceStop        = "do_not_try_again"
	adviceLater       = "try_again_later"
)

// Advice is what an issuer's advice changes about a decline that time might have put right.
type Advice struct {
	Code  string
	Means string
	Class Class         // what the decline becomes; empty: it stays what it is
	Wait  time.Duration // least time before the next attempt; 0: none is named
}

// StripeAdvice lists the values of advice_code.
func StripeAdvice() []Advice {
	return []Advice{
		{Code: adviceConfirmData, Means: "check the card's details", Class: ClassNewCard},
		{Code: adviceStop, Means: "do not try this card again", Class: ClassNewCard},
		{Code: adviceLater, Means: "try again later"},
	}
}

// merchantAdvice are Mastercard's merchant advice codes, in Stripe's network_advice_code. Stripe sends the same numbers for
// other networks. Sources: developer.paypal.com/braintree, "Merchant Advice Codes"; docs.payabl.com, "MasterCard Merchant
// Advice Codes"; docs.solidgate.com, "Merchant advice codes"; developer.cybersource.com, mandate of April 2024 for 42.
// Their wording of 22 differs, so it changes nothing.
var merchantAdvice = map[string]Advice{
	"01": {Means: "the card has new details", Class: ClassNewCard},
	"02": {Means: "can't be approved now, try again later"},
	"03": {Means: "do not try again", Class: ClassNewCard},
	"04": {Means: "the network's token is not supported"},
	"21": {Means: "the customer cancelled the payments", Class: ClassWithdrawn},
	"22": {Means: "the merchant does not qualify for the product"},
	"24": {Means: "try again after 1 hour", Wait: time.Hour},
	"25": {Means: "try again after 24 hours", Wait: day},
	"26": {Means: "try again after 2 days", Wait: 2 * day},
	"27": {Means: "try again after 4 days", Wait: 4 * day},
	"28": {Means: "try again after 6 days", Wait: 6 * day},
	"29": {Means: "try again after 8 days", Wait: 8 * day},
	"30": {Means: "try again after 10 days", Wait: 10 * day},
	"40": {Means: "a prepaid card that can't be reloaded", Class: ClassNewCard},
	"41": {Means: "a virtual card for one payment", Class: ClassNewCard},
	"42": {Means: "over the threshold of a sanctions check", Class: ClassNewCard},
	"43": {Means: "a virtual card for several payments"},
}

// NetworkAdvice lists the values of network_advice_code that are known, by code.
func NetworkAdvice() []Advice {
	list := make([]Advice, 0, len(merchantAdvice))
	for _, code := range slices.Sorted(maps.Keys(merchantAdvice)) {
		a := merchantAdvice[code]
		a.Code = code
		list = append(list, a)
	}
	return list
}

// NetworkDecline is a response code of Visa's and what its category allows.
type NetworkDecline struct {
	Code     string
	Category int // 1: never again; 2: later; 3: with other details; 4: all others, later
	Means    string
}

// visaNever is Visa's category 1.
const visaNever = 1

// visaDeclines are Visa's response codes, in Stripe's network_decline_code; those that are not here are of category 4.
// Sources: docs.checkout.com, "Visa response code categories"; developers.tabapay.com, "Excessive retry rules";
// support.forte.net, "Visa decline response code rules". They place 14 in category 1 or 3: the safe one is taken. Forte
// alone has 03, 62, 78 and 93 in category 1.
var visaDeclines = map[string]NetworkDecline{
	"04": {Category: visaNever, Means: "pick up card"},
	"07": {Category: visaNever, Means: "pick up card, special conditions"},
	"12": {Category: visaNever, Means: "invalid transaction"},
	"14": {Category: visaNever, Means: "invalid account number"},
	"15": {Category: visaNever, Means: "no such issuer"},
	"41": {Category: visaNever, Means: "lost card"},
	"43": {Category: visaNever, Means: "stolen card"},
	"46": {Category: visaNever, Means: "closed account"},
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

// VisaDeclines lists the response codes that are known, by code.
func VisaDeclines() []NetworkDecline {
	list := make([]NetworkDecline, 0, len(visaDeclines))
	for _, code := range slices.Sorted(maps.Keys(visaDeclines)) {
		d := visaDeclines[code]
		d.Code = code
		list = append(list, d)
	}
	return list
}

// advised applies what issuer and network advise. It changes declines that time might have put right, and those alone:
// what waits for the customer or must never be tried again does so already.
func advised(v Verdict, f billing.Failure, brand string) Verdict {
	if !v.Class.Timed() || v.Class == ClassOperator {
		return v
	}
	for _, a := range StripeAdvice() {
		if a.Code == f.AdviceCode && a.Class != "" {
			v.become(a.Class, "the issuer advises: "+a.Means)
		}
	}
	if d := visaDeclines[f.NetworkDeclineCode]; d.Category == visaNever && brand == brandVisa {
		v.become(ClassNewCard, "Visa forbids another attempt after "+f.NetworkDeclineCode+" ("+d.Means+")")
	}
	a := merchantAdvice[f.NetworkAdviceCode] // the zero advice changes nothing
	switch {
	case a.Class != "":
		v.become(a.Class, "the network advises: "+a.Means)
	case a.Wait > 0 && v.Class.Timed():
		v.Wait, v.Because = a.Wait, "the network advises: "+a.Means
	}
	return v
}

// become changes the class. The customer is told no more than before.
func (v *Verdict) become(c Class, because string) {
	v.Class, v.Because, v.Wait = c, because, 0
}
