package paypage

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/view"
)

// begins makes a plan that begins with saving a card instead of a payment.
func (s *shop) begins(terms string) view.Plan {
	s.t.Helper()
	var p view.Plan
	s.api(http.MethodPost, "/v1/plans", fmt.Sprintf(`{"currency": "eur", %s,
		"customer": {"reference": "ada", "email": "ada@example.com", "name": "Ada", "locale": "en-GB", "timezone": "Europe/Berlin"}}`, terms), &p)
	require.Equal(s.t, billing.PlanAwaitingFirstPayment, p.Status)
	return p
}

// planLink makes a link to a plan, as a merchant does.
func (s *shop) planLink(p view.Plan) string {
	s.t.Helper()
	var l view.Link
	s.api(http.MethodPost, "/v1/plans/"+string(p.ID)+"/link", "", &l)
	return l.URL
}

// TestSetup_Trial saves the card of a plan with a trial: the plan is active, and nothing is
// charged.
func TestSetup_Trial(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begins(`"reference": "sub-1", "kind": "recurring", "amount": 1900, "every": "1 month", "trial": "14 days"`)
	due := locale.Match("en-GB").Date(s.charge(p, 1).DueAt, "Europe/Berlin")
	v := newVisitor(t, s)
	v.goes(s.planLink(p))
	v.reads("Add your card")
	v.reads("Nothing is charged now. We will charge €19.00 to this card on " + due + ".")
	v.reads("sub-1: €19.00 on " + due + "; then €19.00 every month until you cancel")
	v.looked("setup")
	v.sends("save")
	v.reads("Please complete the card details.")
	v.gives("save", cardAuthOnce)
	v.sends("save")
	v.answersTheBank(true)
	v.reads("Your card is saved.")
	v.reads("Your next payment")
	v.shot("setup_done")
	v.accessible()
	require.Equal(t, billing.PlanActive, s.details(p).Plan.Status)
	require.Equal(t, "3155", s.card(p).Last4)
	require.Equal(t, billing.ChargeScheduled, s.charge(p, 1).Status)
	require.Empty(t, s.sim.PaymentIntents(), "nothing was charged")
	consents, err := s.app.Store().Consents(t.Context(), billing.ConsentFilter{Card: s.card(p).ID})
	require.NoError(t, err)
	require.Len(t, consents, 1)
	require.Equal(t, s.details(p).Plan.SetupIntent, consents[0].Intent)
	require.Equal(t, []billing.PlanID{p.ID}, consents[0].Plans())
	require.Contains(t, consents[0].Text, "then €19.00 every month until you cancel")
}

// TestSetup_OnRequest saves the card of a deferred plan through the link of its charge.
func TestSetup_OnRequest(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begins(`"reference": "villa-9", "kind": "deferred", "total": 250000, "due": "on request"`)
	v := newVisitor(t, s)
	v.goes(s.link(p, 1))
	v.reads("Nothing is charged now. We will charge €2,500.00 to this card when Example Shop asks for it.")
	v.gives("save", cardGood)
	v.sends("save")
	v.reads("Your card is saved.")
	v.reads("Example Shop has not asked for this payment yet.")
	require.Equal(t, billing.PlanActive, s.details(p).Plan.Status)
	require.Empty(t, s.charge(p, 1).Reason)
}

// TestSetup_Canceled cancels the plan while the page is open: no card is saved.
func TestSetup_Canceled(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begins(`"reference": "sub-2", "kind": "recurring", "amount": 1900, "every": "1 month", "starts": "` + time.Now().AddDate(0, 0, 21).Format(time.DateOnly) + `"`)
	v := newVisitor(t, s)
	v.goes(s.link(p, 1))
	v.gives("save", cardGood)
	var after view.Plan
	s.api(http.MethodPost, "/v1/plans/"+string(p.ID)+"/cancel", "", &after)
	v.sends("save")
	v.reads("There is nothing to pay here")
	require.Empty(t, s.details(p).Plan.CardID)
}
