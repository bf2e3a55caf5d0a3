package paypage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

// TestTheCardsOfTheGuide runs a plan with each test card of Stripe's guide: the first payment on
// the page, the second when it falls due, and its recovery.
func TestTheCardsOfTheGuide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, card string
		challenged bool // the bank asks at the first payment
		recover    func(v *visitor)
	}{
		{name: "4242 succeeds", card: cardGood},
		{name: "3155 authenticates once", card: cardAuthOnce, challenged: true},
		{name: "3184 authenticates each time", card: cardAuthAlways, challenged: true, recover: func(v *visitor) {
			v.reads("Your bank wants you to confirm this payment.")
			v.sends("pay")
			v.answersTheBank(true)
		}},
		{name: "3178 has no money later", card: cardAuthNoFunds, challenged: true, recover: func(v *visitor) {
			v.reads("There was not enough money available on the card.")
			v.gives("pay", cardGood)
			v.sends("pay")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, nil)
			p := s.plan("en-GB")
			v := newVisitor(t, s)
			v.goes(s.link(p, 1))
			v.gives("pay", tc.card)
			v.sends("pay")
			if tc.challenged {
				v.answersTheBank(true)
			}
			v.paid()
			s.requirePaidOnce(p, 1)
			consents, err := s.app.Store().Consents(t.Context(), billing.ConsentFilter{Card: s.card(p).ID})
			require.NoError(t, err)
			require.Len(t, consents, 1)
			s.fallDue(p, 2)
			if tc.recover == nil {
				s.requirePaidOnce(p, 2)
				v.goes(s.link(p, 2))
				v.reads("Paid. Thank you!")
				return
			}
			v.goes(s.mailed(p))
			v.shot("to recover")
			tc.recover(v)
			v.paid()
			v.shot("recovered")
			s.requirePaidOnce(p, 2)
			require.Equal(t, billing.PlanActive, s.details(p).Plan.Status)
		})
	}
	t.Run("9995 has no money from the start", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		p := s.plan("de-DE")
		v := newVisitor(t, s)
		v.goes(s.link(p, 1))
		v.gives("pay", cardNoFunds)
		v.sends("pay")
		v.reads("Auf der Karte war nicht genügend Guthaben verfügbar. Sie können es noch einmal versuchen oder eine andere Karte verwenden.")
		v.shot("declined")
		v.gives("pay", cardGood)
		v.sends("pay")
		v.reads("Bezahlt. Vielen Dank!")
		s.requirePaidOnce(p, 1)
		attempts := s.details(p).Attempts[p.Charges[0].ID]
		require.Equal(t, billing.OutcomeDeclined, attempts[0].Outcome, "the decline on the page is on record")
		require.Equal(t, billing.OutcomeSucceeded, attempts[len(attempts)-1].Outcome)
	})
}

func TestAFailedChallengeIsNoEnd(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthAlways, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.sends("pay")
	v.answersTheBank(false)
	v.reads("The payment was not confirmed with your bank. Nothing was charged.")
	v.shot("failed")
	v.accessible()
	require.True(t, must[bool](v, `document.activeElement.matches('form[data-form=pay] button')`), "the focus is where the customer goes on")
	v.sends("pay")
	v.answersTheBank(true)
	v.paid()
	s.requirePaidOnce(p, 2)
}

func TestDecline_FraudIsNotShown(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	_, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	for card, text := range map[string]string{cardStolen: "Your bank declined the payment.", cardWrongCVC: "The card's details are not right."} {
		v.gives("pay", card)
		v.sends("pay")
		v.reads(text)
		require.NotContains(t, v.text(), "stolen")
		v.clicks("form[data-form=pay] input[value=saved]") // removes the message
		v.sees(`document.querySelector('form[data-form=pay] [data-error]').textContent === ''`)
	}
}
