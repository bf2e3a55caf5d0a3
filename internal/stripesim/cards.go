package stripesim

import "strings"

// authRule is when a card requires 3-D Secure.
type authRule int

const (
	authNever       authRule = iota
	authUnlessSetUp          // on-session always; off-session unless it was set up
	authOnSession            // on-session only
	authAlways               // on-session, and off-session as a decline
)

// testCard is the behavior of one of Stripe's test cards.
type testCard struct {
	number, brand, funding, country string
	magic                           string // the part after pm_card_ and tok_
	auth                            authRule
	decline                         string // every charge is declined so
	declineLater                    string // payments after the first are declined so
	attachOK                        bool   // decline does not apply to attaching
	risk                            string // normal, elevated, highest
	blocked                         bool   // by Radar
	dispute                         string // reason of the dispute that follows a payment
	earlyWarning                    bool
	refund                          string // pending or fails
	available                       bool   // payments are available at once
	no3DS                           bool   // it does not support 3-D Secure
	frictionless                    bool   // each payment is authenticated without a challenge
	fails3DS                        string // decline code of a payment that needs 3-D Secure, before any challenge
	mandate                         bool   // Indian: off-session payments are processing first, and need a set up
	// The results of the checks, unless they pass.
	cvcCheck, postalCheck, line1Check string
}

// testCards are the cards of https://stripe.com/docs/testing that matter here.
var testCards = []testCard{
	{number: "4242424242424242", magic: "visa"},
	{number: "4000056655665556", magic: "visa_debit", funding: "debit"},
	{number: "5555555555554444", magic: "mastercard", brand: "mastercard"},
	{number: "2223003122003222", magic: "mastercard_2", brand: "mastercard"},
	{number: "5200828282828210", magic: "mastercard_debit", brand: "mastercard", funding: "debit"},
	{number: "5105105105105100", magic: "mastercard_prepaid", brand: "mastercard", funding: "prepaid"},
	{number: "378282246310005", magic: "amex", brand: "amex", no3DS: true},
	{number: "378282246310005", magic: "amex_threeDSecureNotSupported", brand: "amex", no3DS: true},
	{number: "371449635398431", magic: "amex_2", brand: "amex"},
	{number: "6011111111111117", magic: "discover", brand: "discover"},
	{number: "3056930009020004", magic: "diners", brand: "diners"},
	{number: "3566002020360505", magic: "jcb", brand: "jcb"},
	{number: "6200000000000005", magic: "unionpay", brand: "unionpay"},
	{number: "4000002500003155", magic: "authenticationRequiredOnSetup", country: "FR", auth: authUnlessSetUp},
	{number: "4000002760003184", magic: "authenticationRequired", country: "DE", auth: authAlways},
	{number: "4000008260003178", magic: "authenticationRequiredChargeDeclinedInsufficientFunds", country: "GB",
		auth: authOnSession, declineLater: "insufficient_funds"},
	{number: "4000003800000446", magic: "authenticationRequiredSetupForOffSession", country: "IT", auth: authOnSession},
	{number: "4000000000003220", magic: "threeDSecure2Required", country: "IE", auth: authAlways},
	{number: "4000008400000027", auth: authAlways},
	{number: "4000000032200000", frictionless: true},
	{number: "4000000000003063", magic: "threeDSecureRequired", auth: authAlways},
	{number: "4000008400001629", magic: "threeDSecureRequiredChargeDeclined", auth: authAlways, decline: "generic_decline", attachOK: true},
	{number: "4000008400001280", magic: "threeDSecureRequiredProcessingError", auth: authAlways, fails3DS: "generic_decline"},
	{number: "4000000000003055", magic: "threeDSecureOptional"},
	{number: "4000000000003097", magic: "threeDSecureOptionalProcessingError", fails3DS: "processing_error"},
	{number: "4000000000000341", magic: "chargeCustomerFail", decline: "generic_decline", attachOK: true},
	{number: "4000000000000002", magic: "visa_chargeDeclined", decline: "generic_decline"},
	{number: "4000000000009995", magic: "visa_chargeDeclinedInsufficientFunds", decline: "insufficient_funds"},
	{number: "4000000000009987", magic: "visa_chargeDeclinedLostCard", decline: "lost_card"},
	{number: "4000000000009979", magic: "visa_chargeDeclinedStolenCard", decline: "stolen_card"},
	{number: "4000000000000069", magic: "chargeDeclinedExpiredCard", decline: "expired_card"},
	{number: "4000000000000127", magic: "chargeDeclinedIncorrectCvc", decline: "incorrect_cvc", cvcCheck: "fail"},
	{number: "4000000000000119", magic: "chargeDeclinedProcessingError", decline: "processing_error"},
	{number: "4000000000006975", magic: "visa_chargeDeclinedVelocityLimitExceeded", decline: "card_velocity_exceeded"},
	{number: "4100000000000019", magic: "radarBlock", risk: "highest", blocked: true},
	{number: "4000000000004954", magic: "riskLevelHighest", risk: "highest", blocked: true},
	{number: "4000000000009235", magic: "riskLevelElevated", risk: "elevated"},
	{number: "4000000000000259", magic: "createDispute", dispute: "fraudulent"},
	{number: "4000000000002685", magic: "createDisputeProductNotReceived", dispute: "product_not_received"},
	{number: "4000000000001976", magic: "createDisputeInquiry", dispute: "inquiry"},
	{number: "4000000000005423", magic: "createIssuerFraudRecord", earlyWarning: true},
	{number: "4000000000007726", magic: "pendingRefund", refund: "pending"},
	{number: "4000000000005126", magic: "refundFail", refund: "fails"},
	{number: "4000000000000077", magic: "bypassPending", available: true},
	{number: "4000003720000278", magic: "bypassPendingInternational", country: "IE", available: true},
	{number: "4000000000000101", magic: "cvcCheckFail", cvcCheck: "fail"},
	{number: "4000000000000036", magic: "avsZipFail", postalCheck: "fail"},
	{number: "4000000000000028", magic: "avsLine1Fail", line1Check: "fail"},
	{number: "4000000000000010", magic: "avsFail", postalCheck: "fail", line1Check: "fail"},
	{number: "4000000000000044", magic: "avsUnchecked", postalCheck: "unavailable", line1Check: "unavailable"},
	{number: "4000000000003238", auth: authAlways},
	{number: "4000000000003246", auth: authAlways},
	{number: "4000000000003253", auth: authAlways},
	{number: "4000003560000123", magic: "indiaRecurringMandateSetupAndRenewalsSuccess", country: "IN", auth: authUnlessSetUp, mandate: true},
	{number: "4000003560000297", magic: "indiaRecurringPaymentFailureAfterPreDebitNotification", country: "IN",
		auth: authUnlessSetUp, mandate: true, declineLater: "transaction_not_approved"},
	{number: "4000003560000248", magic: "indiaRecurringPaymentFailureUndeliveredDebitNotification", country: "IN",
		auth: authUnlessSetUp, mandate: true, declineLater: "processing_error"},
	{number: "4000003560000263", magic: "indiaRecurringPaymentFailureCanceledMandate", country: "IN",
		auth: authUnlessSetUp, mandate: true, declineLater: "india_recurring_payment_mandate_canceled"},
}

// countryCards are the plain cards by the country of their bank; their ids are pm_card_fr and the
// like.
var countryCards = map[string]string{
	"AE": "4000007840000001", "AR": "4000000320000021", "AT": "4000000400000008", "AU": "4000000360000006", "BE": "4000000560000004",
	"BG": "4000001000000000", "BR": "4000000760000002", "BY": "4000001120000005", "CA": "4000001240000000", "CH": "4000007560000009",
	"CL": "4000001520000001", "CN": "4000001560000002", "CO": "4000001700000003", "CR": "4000001880000005", "CY": "4000001960000008",
	"CZ": "4000002030000002", "DE": "4000002760000016", "DK": "4000002080000001", "EC": "4000002180000000", "EE": "4000002330000009",
	"ES": "4000007240000007", "FI": "4000002460000001", "FR": "4000002500000003", "GB": "4000008260000000", "GI": "4000002920000005",
	"GR": "4000003000000030", "HK": "4000003440000004", "HR": "4000001910000009", "HU": "4000003480000005", "IE": "4000003720000005",
	"IN": "4000003560000008", "IT": "4000003800000008", "JP": "4000003920000003", "LI": "4000004380000004", "LT": "4000004400000000",
	"LU": "4000004420000006", "LV": "4000004280000005", "MT": "4000004700000007", "MX": "4000004840008001", "MY": "4000004580000002",
	"NL": "4000005280000002", "NO": "4000005780000007", "NZ": "4000005540000008", "PA": "4000005910000000", "PE": "4000006040000068",
	"PL": "4000006160000005", "PT": "4000006200000007", "PY": "4000006000000066", "RO": "4000006420000001", "SA": "4000006820000007",
	"SE": "4000007520000008", "SG": "4000007020000003", "SI": "4000007050000006", "SK": "4000007030000001", "TH": "4000007640000003",
	"TW": "4000001580000008", "UY": "4000008580000003",
}

func (c testCard) complete() testCard {
	if c.brand == "" {
		c.brand = "visa"
	}
	if c.funding == "" {
		c.funding = "credit"
	}
	if c.country == "" {
		c.country = "US"
	}
	if c.risk == "" {
		c.risk = "normal"
	}
	return c
}

func (c testCard) last4() string { return c.number[len(c.number)-4:] }

func cardByNumber(number string) (testCard, bool) {
	for _, card := range testCards {
		if card.number == number {
			return card.complete(), true
		}
	}
	for country, known := range countryCards {
		if known == number {
			return testCard{number: number, country: country}.complete(), true
		}
	}
	return testCard{}, false
}

// cardByMagic finds the card behind pm_card_... and tok_..., which Stripe
// spells both with and without the brand.
func cardByMagic(id string) (testCard, bool) {
	name, ok := strings.CutPrefix(id, "pm_card_")
	if !ok {
		if name, ok = strings.CutPrefix(id, "tok_"); !ok {
			return testCard{}, false
		}
	}
	for _, card := range testCards {
		if card.magic != "" && (card.magic == name || strings.TrimPrefix(card.magic, "visa_") == name && name != "debit") {
			return card.complete(), true
		}
	}
	return cardByNumber(countryCards[strings.ToUpper(name)])
}

// luhn reports whether the check digit of a card number is right.
func luhn(number string) bool {
	sum := 0
	for i := range len(number) {
		digit := int(number[len(number)-1-i] - '0')
		if digit < 0 || digit > 9 {
			return false
		}
		if i%2 == 1 {
			if digit *= 2; digit > 9 {
				digit -= 9
			}
		}
		sum += digit
	}
	return len(number) >= 12 && sum%10 == 0
}
