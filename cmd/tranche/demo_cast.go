package main

import (
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/terms"
)

// actor is one customer of the demo, with the customer's plan.
type actor struct {
	name  string
	card  string // the test card's number
	about string // the behavior of the card in Stripe's guide
	terms terms.Terms

	ownIntent bool   // the merchant creates the PaymentIntent with metadata and does not call Tranche's API
	newCard   string // the card that the customer uses when the saved card keeps failing
	patience  int    // mails about a failure until the customer takes the new card
	givesUp   bool   // the first payment fails and the customer leaves

	secret string // of the first payment, as returned to the checkout
}

const usualCard = "4242424242424242"

// cast returns one customer for each card in the guide's table, and one who used the merchant's own
// checkout.
func cast(now time.Time) []*actor {
	customer := func(reference, name, email, zone, locale string) terms.Customer {
		return terms.Customer{Reference: reference, Name: name, Email: email, TimeZone: zone, Locale: locale}
	}
	return []*actor{
		{
			name: "Ada", card: usualCard, about: "succeeds at once",
			terms: terms.Terms{Reference: "sofa-1042", Kind: billing.KindInstallments, Currency: "gbp", Total: 100003, Parts: 4, Every: "1 month",
				Customer: customer("ada", "Ada", "ada@example.com", "Europe/London", "en-GB")},
		},
		{
			name: "Grace", card: "4000002500003155", about: "wants authentication once, then is good",
			terms: terms.Terms{Reference: "villa-9", Kind: billing.KindDeposit, Currency: "eur", Total: 250000, Deposit: 50000,
				BalanceDue: calendar.DateOf(now.AddDate(0, 0, 45), time.UTC).String(),
				Customer:   customer("grace", "Grace", "grace@example.com", "Europe/Paris", "fr-FR")},
		},
		{
			name: "Alan", card: "4000002760003184", about: "wants authentication every time",
			terms: terms.Terms{Reference: "course-7", Kind: billing.KindInstallments, Currency: "usd", Total: 90000, Parts: 3, Every: "1 month",
				Customer: customer("alan", "Alan", "alan@example.com", "America/New_York", "en-US")},
		},
		{
			name: "Edsger", card: "4000008260003178", about: "is good once, then has no funds", newCard: usualCard, patience: 3,
			terms: terms.Terms{Reference: "bike-31", Kind: billing.KindInstallments, Currency: "eur", Total: 59999, Parts: 3, Every: "1 month",
				Customer: customer("edsger", "Edsger", "edsger@example.com", "Europe/Amsterdam", "nl-NL")},
		},
		{
			name: "Barbara", card: "4000000000009995", about: "never has funds", givesUp: true,
			terms: terms.Terms{Reference: "lamp-5", Kind: billing.KindInstallments, Currency: "usd", Total: 12000, Parts: 3, Every: "2 weeks",
				Customer: customer("barbara", "Barbara", "barbara@example.com", "America/Los_Angeles", "en-US")},
		},
		{
			name: "Hideo", card: usualCard, about: "comes by the merchant's own checkout", ownIntent: true,
			terms: terms.Terms{Reference: "camera-88", Kind: billing.KindInstallments, Currency: "jpy", Total: 100000, Parts: 3, Every: "2 weeks", FirstAmount: 33334,
				Customer: customer("hideo", "", "hideo@example.com", "Asia/Tokyo", "ja-JP")},
		},
	}
}
