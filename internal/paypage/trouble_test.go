package paypage

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

func TestADoubleClickPaysOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.gives("pay", cardGood)
	v.run(chromedp.ScrollIntoView(chromedp.CSS("form[data-form=pay] button")), chromedp.DoubleClick(chromedp.CSS("form[data-form=pay] button")))
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
	require.Equal(t, 1, s.gate.count("POST intent"))
}

func TestTheBackButtonShowsWhatIs(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.run(chromedp.Navigate(s.url + "/healthz"))
	s.payElsewhere(p, 2)
	v.run(chromedp.NavigateBack())
	v.reads("Paid. Thank you!")
	require.False(t, must[bool](v, `!!document.querySelector('.reason')`))
	s.requirePaidOnce(p, 2)
}

func TestTwoTabsPayOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	one := newVisitor(t, s)
	other := one.tab()
	one.goes(link)
	other.goes(link)
	one.gives("pay", cardGood)
	one.sends("pay")
	one.reads("Paid. Thank you!")
	other.gives("pay", cardMastercard)
	other.sends("pay")
	other.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
}

// TestTwoTabsAtTheBankPayOnce has both tabs authenticate at the bank at once: the second
// confirmation replaces the first.
func TestTwoTabsAtTheBankPayOnce(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthAlways, "en-GB")
	one := newVisitor(t, s)
	other := one.tab()
	one.goes(link)
	other.goes(link)
	one.sends("pay")
	one.sees(`document.querySelector('dialog[open]')`)
	other.sends("pay")
	other.answersTheBank(true)
	other.reads("Paid. Thank you!")
	one.answersTheBank(true)
	one.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
}

func TestALinkThatExpiredIsMailedAnew(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	require.Equal(t, http.StatusOK, s.status(link))
	s.expire()
	require.Equal(t, http.StatusGone, s.status(link))
	v.goes(link)
	v.reads("This link is no longer valid")
	v.clicks("main form button")
	v.reads("Please check your email")
	var fresh string
	s.until(func() bool { fresh = s.mailed(p); return fresh != link }, "a new link is mailed")
	v.goes(fresh)
	v.reads("Your payment did not go through")
	before := s.countNotices(p)
	v.goes(link)
	v.clicks("main form button")
	v.reads("Please check your email")
	require.Equal(t, before, s.countNotices(p), "one a day")
}

func TestALinkOfAPaidChargeSaysSo(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begun(cardGood, "en-GB")
	v := newVisitor(t, s)
	v.goes(s.link(p, 1))
	v.reads("Paid. Thank you!")
	v.reads("Pay the next one now")
	v.shot("paid")
}

func TestASlowNetworkIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.gives("pay", cardGood)
	held, release := make(chan struct{}), make(chan struct{})
	s.gate.on(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/intent") {
			close(held)
			<-release
		}
		return false
	})
	v.sends("pay")
	<-held
	v.reads("One moment please")
	v.shot("waiting")
	v.accessible()
	require.True(t, must[bool](v, `document.querySelector('form[data-form=pay] button').disabled`))
	v.presses(kb.Enter)
	close(release)
	v.reads("Paid. Thank you!")
	require.Equal(t, 1, s.gate.count("POST intent"))
	s.requirePaidOnce(p, 2)
}

func TestBrokenNetwork_ShownAndRetried(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.gives("pay", cardGood)
	s.gate.on(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/intent") {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	v.sends("pay")
	v.reads("We could not reach the payment service.")
	v.shot("broken")
	s.gate.on(nil)
	v.sends("pay")
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
}

// TestARetryWhileTheCustomerIsAtTheBank has the worker confirm the PaymentIntent that the customer
// is authenticating.
func TestARetryWhileTheCustomerIsAtTheBank(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.gives("pay", cardAuthAlways)
	v.sends("pay")
	v.sees(`document.querySelector('dialog[open]')`)
	before := len(s.details(p).Attempts[p.Charges[1].ID])
	_, err := operator.New(s.app.Store(), time.Now, billing.Rules{}).Retry(t.Context(), p.Charges[1].ID)
	require.NoError(t, err)
	s.until(func() bool {
		attempts := s.details(p).Attempts[p.Charges[1].ID]
		return len(attempts) > before && !attempts[len(attempts)-1].Outcome.Open()
	}, "the retry is over")
	v.answersTheBank(true)
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
	require.Equal(t, "3184", s.card(p).Last4)
}

// TestARetrySucceedsWhileThePageIsOpen has the customer pay a charge that the worker has just
// collected.
func TestARetrySucceedsWhileThePageIsOpen(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.gives("pay", cardGood)
	s.giveCard(p, cardMastercard) // for example on the merchant's account page
	_, err := operator.New(s.app.Store(), time.Now, billing.Rules{}).Retry(t.Context(), p.Charges[1].ID)
	require.NoError(t, err)
	s.untilPaid(p, 2)
	v.sends("pay")
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
}

func TestAnotherCardIsSavedWithoutPaying(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begun(cardGood, "en-GB")
	v := newVisitor(t, s)
	v.goes(s.link(p, 2))
	v.clicks(".wallet details summary")
	v.gives("save", cardAuthOnce)
	v.sends("save")
	v.answersTheBank(true)
	v.reads("Your new card is saved.")
	v.sees(`document.querySelector('.wallet .saved').innerText.includes('3155')`)
	v.shot("saved")
	v.accessible()
	require.Equal(t, "3155", s.card(p).Last4)
	consents, err := s.app.Store().Consents(t.Context(), billing.ConsentFilter{Card: s.card(p).ID})
	require.NoError(t, err)
	require.Len(t, consents, 1)
	require.Contains(t, consents[0].Text, consentOfMandate)
	require.Equal(t, proxyAddress, consents[0].Address)
	require.Contains(t, consents[0].UserAgent, "Chrome")
	require.Equal(t, "en-GB", consents[0].Locale)
}

func TestACardIsRemovedAndTheNextPaymentAsksForOne(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begun(cardGood, "en-GB")
	v := newVisitor(t, s)
	v.goes(s.link(p, 2))
	card := s.card(p)
	v.clicks(".wallet details:last-of-type summary")
	v.reads("will no longer be charged for any of your payments")
	v.sends("remove")
	v.reads("The card is removed and will no longer be charged.")
	v.reads("No card is saved.")
	v.shot("removed")
	s.until(func() bool {
		pm, err := s.app.Gateway().PaymentMethod(t.Context(), card.PaymentMethod)
		return err == nil && pm.Customer == ""
	}, "the card is removed at Stripe")
	s.fallDue(p, 2)
	v.goes(s.mailed(p))
	v.reads("The saved card can no longer be charged.")
	v.gives("pay", cardMastercard)
	v.sends("pay")
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)
	require.Equal(t, "4444", s.card(p).Last4)
}

// TestThePageOfAConnectedAccount pays at the bank, saves another card, pays with a third and
// removes it, all in the connected account.
func TestThePageOfAConnectedAccount(t *testing.T) {
	t.Parallel()
	s := openShopOn(t, "acct_1Villa", nil)
	p, link := s.due(cardAuthAlways, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.sends("pay")
	v.answersTheBank(true)
	v.reads("Paid. Thank you!")
	s.requirePaidOnce(p, 2)

	v = newVisitor(t, s) // the previous page may still be reloading
	v.goes(s.link(p, 3))
	v.clicks(".wallet details summary")
	v.gives("save", cardAuthOnce)
	v.sends("save")
	v.answersTheBank(true)
	v.reads("Your new card is saved.")
	v.sees(`document.querySelector('.wallet .saved').innerText.includes('3155')`) // the page was reloaded
	require.Equal(t, "3155", s.card(p).Last4)
	require.Equal(t, "acct_1Villa", s.card(p).Account)

	card := s.card(p)
	v = newVisitor(t, s) // the previous page may still be reloading
	v.goes(s.link(p, 3))
	v.clicks(".wallet details:last-of-type summary")
	v.sends("remove")
	v.reads("The card is removed and will no longer be charged.")
	v.reads("No card is saved.")
	s.until(func() bool {
		pm, err := s.app.Gateway().PaymentMethod(billing.OnAccount(t.Context(), s.account), card.PaymentMethod)
		return err == nil && pm.Customer == ""
	}, "the card is removed at Stripe")
	s.fallDue(p, 3)
	s.until(func() bool { return s.charge(p, 3).Status == billing.ChargeRequiresPaymentMethod }, "a card is asked for")
	v = newVisitor(t, s) // the previous page may still be reloading
	v.goes(s.link(p, 3))
	v.gives("pay", cardMastercard)
	v.sends("pay")
	v.reads("Paid. Thank you!")
	v.shot("paid")
	s.requirePaidOnce(p, 3)
	require.Empty(t, s.platform.PaymentIntents())
}

func TestTheNextPaymentIsMadeAhead(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begun(cardGood, "en-GB")
	v := newVisitor(t, s)
	v.goes(s.link(p, 2))
	v.clicks(".pay summary")
	v.sends("pay")
	v.paid()
	s.requirePaidOnce(p, 2)
	v.clicks(".pay summary")
	v.reads("Pay €300.03")
	v.sends("pay")
	v.reads("We received your payment of €300.03.")
	s.requirePaidOnce(p, 3)
	require.Equal(t, billing.PlanCompleted, s.details(p).Plan.Status)
}

func TestTheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	v.tabsTo("input[name=with]:checked")
	v.presses(kb.ArrowDown)
	v.tabsTo("input[name=sim-number]")
	v.presses(cardAuthAlways, kb.Tab, "1249", kb.Tab, "123")
	v.tabsTo("input[name=consent]")
	v.tabsTo("form[data-form=pay] button")
	v.presses(kb.Enter)
	v.reads("Please agree to this first.")
	v.sees(`document.activeElement.matches('input[name=consent]')`)
	v.presses(" ")
	v.tabsTo("form[data-form=pay] button")
	v.presses(kb.Enter)
	v.sees(`document.querySelector('dialog[open]')`)
	v.tabsTo("dialog button[data-outcome=succeed]")
	v.presses(kb.Enter)
	v.reads("Paid. Thank you!")
	v.sees(`document.activeElement.id === 'heading'`)
	s.requirePaidOnce(p, 2)
}

func TestWithoutJavaScriptThePageSaysWhatIsDueAndWhomToAsk(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	_, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	command(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.window(320, 800)
	v.run(chromedp.Navigate(link))
	text := v.text()
	for _, part := range []string{"Example Shop", "€300.00", "order-1042", "There was not enough money", "turn on JavaScript", "billing@shop.example"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, "Pay €300.00")
	v.shot("no script")
}

func TestTooManyTriesAreSlowedDown(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	_, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	v.goes(link)
	statuses := must[[]int](v, `Promise.all(Array.from({length: 60}, () => fetch(location.pathname + '/intent', {
		method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"saved": true}'}).then(r => r.status)))`)
	require.Contains(t, statuses, http.StatusOK)
	require.Contains(t, statuses, http.StatusTooManyRequests)

	// On a slow machine, the page would be ready again before the click.
	s.gate.on(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/intent") {
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	})
	v.gives("pay", cardGood)
	v.sends("pay")
	v.reads("That was a little too often.")
	v.shot("too often")
}
