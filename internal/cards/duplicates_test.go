package cards

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestDuplicates_EachRule(t *testing.T) {
	t.Parallel()
	card := func(id billing.CardID, change ...func(c *billing.Card)) billing.Card {
		c := billing.Card{ID: id, Own: true, Status: billing.CardActive, Fingerprint: "4242", StripeCustomer: "cus_1"}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	another := card("card_2")
	for name, tc := range map[string]struct {
		cards []billing.Card
		want  map[billing.CardID]billing.CardID // older to newer
	}{
		"one card":       {cards: []billing.Card{card("card_1")}},
		"the same twice": {cards: []billing.Card{card("card_1"), another}, want: map[billing.CardID]billing.CardID{"card_1": "card_2"}},
		"three times, all into the newest": {
			cards: []billing.Card{card("card_1"), another, card("card_3")},
			want:  map[billing.CardID]billing.CardID{"card_1": "card_3", "card_2": "card_3"},
		},
		"another number":          {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.Fingerprint = "5555" }), another}},
		"no fingerprint":          {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.Fingerprint = "" }), card("card_2", func(c *billing.Card) { c.Fingerprint = "" })}},
		"another Stripe customer": {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.StripeCustomer = "cus_2" }), another}},
		"another account":         {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.Account = "acct_1" }), another}},
		"another system's card":   {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.Own = false }), another}},
		"detached":                {cards: []billing.Card{card("card_1", func(c *billing.Card) { c.Status = billing.CardDetached }), another}},
		"the newer one revoked":   {cards: []billing.Card{card("card_1"), card("card_2", func(c *billing.Card) { c.Status = billing.CardRevoked })}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got map[billing.CardID]billing.CardID
			for _, pair := range duplicates(tc.cards) {
				if got == nil {
					got = map[billing.CardID]billing.CardID{}
				}
				got[pair.older.ID] = pair.newer.ID
			}
			require.Equal(t, tc.want, got)
		})
	}
}
