package paypage

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/locale"
	"tranche/internal/view"
)

// twoOwed makes a plan whose second and third charges fell due and were declined.
func (s *shop) twoOwed() view.Plan {
	s.t.Helper()
	p, _ := s.due(cardAuthNoFunds, "en-GB")
	s.fallDue(p, 3)
	s.until(func() bool { return s.charge(p, 3).Status == billing.ChargeRetrying }, "the third is declined")
	return p
}

func TestOwed_OneSum(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.twoOwed()
	v := newVisitor(t, s)
	v.goes(s.link(p, 1)) // which is paid
	v.reads("Your payments did not go through")
	v.reads("Pay €600.03")
	v.gives("pay", cardAuthAlways)
	v.reads("order-1042: €300.00 now; €300.03 now")
	for _, width := range []int64{320, 1280} {
		v.window(width, 800)
		v.fits()
		v.accessible()
		v.shot(fmt.Sprintf("owed_%d", width))
	}
	v.sends("pay")
	v.answersTheBank(true)
	s.untilPaid(p, 2)
	v.answersTheBank(true)
	v.reads("Paid. Thank you!")
	v.reads("€600.03")
	s.requirePaidOnce(p, 2)
	s.requirePaidOnce(p, 3)
	require.Equal(t, billing.PlanCompleted, s.details(p).Plan.Status)
	consents, err := s.app.Store().Consents(t.Context(), billing.ConsentFilter{Charge: p.Charges[2].ID})
	require.NoError(t, err)
	require.Len(t, consents, 1)
	require.Equal(t, []billing.PlanID{p.ID}, consents[0].Plans())
	require.Contains(t, consents[0].Text, "order-1042: €300.00 now; €300.03 now")
	require.Contains(t, consents[0].Text, consentOfMandate)
}

// TestOwed_SecondFails confirms the first payment at the bank and not the second: the page shows
// the remaining amount.
func TestOwed_SecondFails(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.twoOwed()
	v := newVisitor(t, s)
	v.goes(s.link(p, 2))
	v.gives("pay", cardAuthAlways)
	v.sends("pay")
	v.answersTheBank(true)
	s.untilPaid(p, 2)
	v.answersTheBank(false)
	v.reads("Part of the sum was paid.")
	require.NotContains(t, v.text(), "not enough money", "that was another card")
	v.reads("Pay €300.03")
	v.shot("left")
	s.requirePaidOnce(p, 2)
	require.NotEqual(t, billing.ChargeSucceeded, s.charge(p, 3).Status, "a payment that the customer did not confirm is not charged")
	v.sees(`document.querySelector('form[data-form=pay] input[value=saved]:checked')`)
	v.sends("pay")
	v.answersTheBank(true)
	v.paid()
	s.requirePaidOnce(p, 3)
}

func TestSavedCard_ChargesWhatIsDue(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.clicks(".wallet details summary")
	v.gives("save", cardGood)
	release := make(chan struct{})
	s.gate.on(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/state") {
			<-release
		}
		return false
	})
	v.sends("save")
	v.reads("We are charging your new card")
	require.NotContains(t, v.text(), "did not go through")
	require.NotContains(t, v.text(), "not enough money")
	v.shot("charging")
	close(release)
	v.paid()
	s.requirePaidOnce(p, 2)
}

func TestOnRequest_NoDateAndNoButton(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.onRequest()
	v := newVisitor(t, s)
	for _, tag := range locale.Tags() {
		s.speak(p, tag)
		for sequence := 1; sequence <= 2; sequence++ {
			v.goes(s.link(p, sequence))
			require.False(t, must[bool](v, `!!document.querySelector('form[data-form=pay]')`))
			require.NotRegexp(t, `\b(0|0001)\b|1年`, v.text(), tag)
			v.reads(locale.Match(tag).Text("page.no_date", nil))
		}
		v.reads(locale.Match(tag).Text("page.waits_title", nil))
	}
	s.speak(p, "en-GB")
	v.goes(s.link(p, 2))
	v.reads("Example Shop has not asked for this payment yet.")
	v.clicks(".wallet details summary")
	v.reads("villa-9: €2,000.00 when Example Shop asks for it")
	v.looked("on request")
}

// onRequest makes a plan whose deposit is paid, and whose balance is due on request.
func (s *shop) onRequest() view.Plan {
	s.t.Helper()
	var p view.Plan
	s.api(http.MethodPost, "/v1/plans", `{"reference": "villa-9", "kind": "deposit", "currency": "eur", "total": 250000, "deposit": 50000,
		"balance_due": "on request", "customer": {"reference": "ada", "email": "ada@example.com", "locale": "en-GB"}}`, &p)
	s.pay(p, cardGood)
	return p
}

func TestLocked_SaysSo(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	require.NoError(t, s.app.Store().Update(t.Context(), func(tx billing.Tx) error {
		for i := range billing.DefaultCardTries {
			_, err := tx.InsertCardTry(t.Context(), billing.CardTry{
				ID: billing.CardTryID(fmt.Sprint("evt_", i)), Kind: billing.CardTryDeclined, CustomerID: s.details(p).Customer.ID,
				ChargeID: p.Charges[1].ID, Intent: "pi_1", At: time.Now(),
			})
			require.NoError(t, err)
		}
		return nil
	}))
	v := newVisitor(t, s)
	v.goes(link)
	v.reads("Too many cards were declined.")
	require.False(t, must[bool](v, `!!document.querySelector('form[data-form=pay], form[data-form=save]')`))
	v.looked("locked")
}
