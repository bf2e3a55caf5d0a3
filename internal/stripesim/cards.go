package stripesim

import "strings"

// authRule says when a card asks for 3-D Secure.
type authRule int

const (
	authNever       authRule = iota
	authUnlessSetUp          // on-session always; off-session unless it was set up
	authOnSession            // on-session only
	authAlways               // on-session, and off-session as a decline
)

// testCard is the behaviour of one of Stripe's test cards.
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
}

// testCards are the cards of https://stripe.com/docs/testing that matter here.
var testCards = []testCard{
	{number: "4242424242424242", magic: "visa"},
	{number: "4000056655665556", magic: "visa_debit", funding: "debit"},
	{number: "5555555555554444", magic: "mastercard", brand: "mastercard"},
	{number: "2223003122003222", magic: "mastercard_2", brand: "mastercard"},
	{number: "5200828282828210", magic: "mastercard_debit", brand: "mastercard", funding: "debit"},
	{number: "5105105105105100", magic: "mastercard_prepaid", brand: "mastercard", funding: "prepaid"},
	{number: "378282246310005", magic: "amex", brand: "amex"},
	{number: "371449635398431", magic: "amex_2", brand: "amex"},
	{number: "6011111111111117", magic: "discover", brand: "discover"},
	{number: "3056930009020004", magic: "diners", brand: "diners"},
	{number: "3566002020360505", magic: "jcb", brand: "jcb"},
	{number: "6200000000000005", magic: "unionpay", brand: "unionpay"},
	{number: "4000008260000000", magic: "gb", country: "GB"},
	{number: "4000002760000016", magic: "de", country: "DE"},
	{number: "4000002500000003", magic: "fr", country: "FR"},
	{number: "4000003800000008", magic: "it", country: "IT"},
	{number: "4000002500003155", magic: "authenticationRequiredOnSetup", country: "FR", auth: authUnlessSetUp},
	{number: "4000002760003184", magic: "authenticationRequired", country: "DE", auth: authAlways},
	{number: "4000008260003178", magic: "authenticationRequiredChargeDeclinedInsufficientFunds", country: "GB",
		auth: authOnSession, declineLater: "insufficient_funds"},
	{number: "4000003800000446", magic: "authenticationRequiredSetupForOffSession", country: "IT", auth: authOnSession},
	{number: "4000000000003220", magic: "threeDSecure2Required", auth: authAlways},
	{number: "4000000000003063", magic: "threeDSecureRequired", auth: authAlways},
	{number: "4000008400001629", magic: "threeDSecureRequiredChargeDeclined", auth: authAlways, decline: "generic_decline", attachOK: true},
	{number: "4000000000003055", magic: "threeDSecureOptional"},
	{number: "4000000000000341", magic: "chargeCustomerFail", decline: "generic_decline", attachOK: true},
	{number: "4000000000000002", magic: "visa_chargeDeclined", decline: "generic_decline"},
	{number: "4000000000009995", magic: "visa_chargeDeclinedInsufficientFunds", decline: "insufficient_funds"},
	{number: "4000000000009987", magic: "visa_chargeDeclinedLostCard", decline: "lost_card"},
	{number: "4000000000009979", magic: "visa_chargeDeclinedStolenCard", decline: "stolen_card"},
	{number: "4000000000000069", magic: "chargeDeclinedExpiredCard", decline: "expired_card"},
	{number: "4000000000000127", magic: "chargeDeclinedIncorrectCvc", decline: "incorrect_cvc"},
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
		if card.magic == name || strings.TrimPrefix(card.magic, "visa_") == name && name != "debit" {
			return card.complete(), true
		}
	}
	return testCard{}, false
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
