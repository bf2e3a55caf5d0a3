package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func recoveryTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"round trip of a link":                          roundTripLink,
		"a token has one link":                          aTokenHasOneLink,
		"a revoked link stays revoked":                  aRevokedLinkStaysRevoked,
		"links are listed by plan, newest first":        linksAreListed,
		"round trip of a consent":                       roundTripConsent,
		"a consent is bound to the card it was for":     consentIsBound,
		"all open links are revoked":                    allOpenLinksAreRevoked,
		"a consent is bound once":                       consentIsBoundOnce,
		"a consent from the merchant binds by charge":   merchantConsentIsBound,
		"card tries are counted":                        cardTriesAreCounted,
		"a plan that is deleted takes its consent":      deletedPlanTakesItsConsent,
		"a consent wants a customer, and a link a plan": consentWantsACustomer,
	}
}

// newLink makes a link to a charge of a plan.
func (f *fixture) newLink(p billing.Plan, charge billing.ChargeID, hash string) billing.PayLink {
	return billing.PayLink{
		ID: billing.NewLinkID(f.now), TokenHash: hash, CustomerID: p.CustomerID, PlanID: p.ID, ChargeID: charge,
		CreatedAt: f.now, ExpiresAt: f.now.Add(time.Hour),
	}
}

// insertLink adds a link, and reports whether it was new.
func (f *fixture) insertLink(l billing.PayLink) (added bool) {
	f.t.Helper()
	f.update(func(tx billing.Tx) (err error) {
		added, err = tx.InsertPayLink(f.t.Context(), l)
		return err
	})
	return added
}

func roundTripLink(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	var l billing.PayLink
	fill(&l, 1)
	l.CustomerID, l.PlanID, l.ChargeID = p.CustomerID, p.ID, charges[0].ID
	for _, want := range []billing.PayLink{l, f.newLink(p, "", "another")} {
		require.True(t, f.insertLink(want))
		same(t, want)(f.PayLink(t.Context(), want.TokenHash))
		same(t, want)(f.PayLinkByID(t.Context(), want.ID))
	}
	_, err := f.PayLink(t.Context(), "none")
	require.ErrorIs(t, err, billing.ErrNotFound)
	_, err = f.PayLinkByID(t.Context(), "none")
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func aTokenHasOneLink(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	first := f.newLink(p, charges[0].ID, "hash")
	require.True(t, f.insertLink(first))
	again := f.newLink(p, charges[0].ID, "hash")
	again.ExpiresAt = f.now.Add(48 * time.Hour)
	require.False(t, f.insertLink(again))
	same(t, first)(f.PayLink(t.Context(), "hash"))
}

func aRevokedLinkStaysRevoked(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	l := f.newLink(p, charges[0].ID, "hash")
	require.True(t, f.insertLink(l))
	require.True(t, l.Open(f.now))
	for _, at := range []time.Time{f.now.Add(time.Minute), f.now.Add(time.Hour)} {
		f.update(func(tx billing.Tx) error { return tx.RevokePayLink(t.Context(), l.ID, at) })
	}
	l.RevokedAt = f.now.Add(time.Minute)
	same(t, l)(f.PayLink(t.Context(), "hash"))
	require.False(t, l.Open(f.now))
	require.False(t, f.insertLink(f.newLink(p, charges[0].ID, "hash")), "mailing it again does not open it")
	same(t, l)(f.PayLink(t.Context(), "hash"))
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.RevokePayLink(t.Context(), "none", f.now) }), billing.ErrNotFound)
}

func linksAreListed(t *testing.T, f *fixture) {
	p, charges := f.plan(2)
	other, _ := f.plan(1)
	first := f.newLink(p, charges[0].ID, "first")
	f.now = f.now.Add(time.Second)
	second := f.newLink(p, charges[1].ID, "second")
	for _, l := range []billing.PayLink{first, second, f.newLink(other, "", "third")} {
		require.True(t, f.insertLink(l))
	}
	same(t, []billing.PayLink{second, first})(f.PayLinks(t.Context(), p.ID))
}

func allOpenLinksAreRevoked(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	other, _ := f.plan(1)
	expired, revoked := f.newLink(p, charges[0].ID, "expired"), f.newLink(p, charges[0].ID, "revoked")
	expired.ExpiresAt = f.now
	open := []billing.PayLink{f.newLink(p, charges[0].ID, "open"), f.newLink(other, "", "of another plan")}
	for _, l := range append(open, expired, revoked) {
		require.True(t, f.insertLink(l))
	}
	before := f.now.Add(-time.Minute)
	f.update(func(tx billing.Tx) error { return tx.RevokePayLink(t.Context(), revoked.ID, before) })
	same(t, 2)(f.OpenPayLinks(t.Context(), f.now))
	for _, want := range []int{2, 0} {
		f.update(func(tx billing.Tx) error {
			n, err := tx.RevokePayLinks(t.Context(), f.now)
			require.Equal(t, want, n)
			return err
		})
	}
	same(t, 0)(f.OpenPayLinks(t.Context(), f.now))
	for _, l := range open {
		l.RevokedAt = f.now
		same(t, l)(f.PayLink(t.Context(), l.TokenHash))
	}
	revoked.RevokedAt = before
	same(t, revoked)(f.PayLink(t.Context(), "revoked"))
	same(t, expired)(f.PayLink(t.Context(), "expired"))
}

// newConsent makes a consent that waits for its card.
func (f *fixture) newConsent(p billing.Plan, charge billing.ChargeID, intent string) billing.Consent {
	f.now = f.now.Add(time.Second) // ids sort by their second
	return billing.Consent{
		ID: billing.NewConsentID(f.now), CustomerID: p.CustomerID, PlanID: p.ID, ChargeID: charge, Intent: intent,
		Source: billing.ConsentPage, TextVersion: "1", AcceptedAt: f.now, CreatedAt: f.now,
	}
}

func (f *fixture) insertConsent(c billing.Consent) billing.Consent {
	f.t.Helper()
	f.update(func(tx billing.Tx) error { return tx.InsertConsent(f.t.Context(), c) })
	return c
}

func (f *fixture) bind(intent string, charge billing.ChargeID, card billing.CardID) {
	f.t.Helper()
	f.update(func(tx billing.Tx) error { return tx.BindConsent(f.t.Context(), intent, charge, card) })
}

func roundTripConsent(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	var full billing.Consent
	fill(&full, 1)
	full.CustomerID, full.PlanID, full.ChargeID, full.Source = p.CustomerID, p.ID, charges[0].ID, billing.ConsentMerchant
	bare := f.newConsent(p, "", "")
	for _, want := range []billing.Consent{full, bare} {
		f.insertConsent(want)
		list, err := f.Consents(t.Context(), billing.ConsentFilter{Customer: p.CustomerID})
		require.NoError(t, err)
		require.Contains(t, list, want)
	}
	same(t, []billing.Consent{full})(f.Consents(t.Context(), billing.ConsentFilter{Card: full.CardID}))
	same(t, []billing.Consent{full})(f.Consents(t.Context(), billing.ConsentFilter{Charge: full.ChargeID}))
	same(t, []billing.Consent{full})(f.Consents(t.Context(), billing.ConsentFilter{Intent: full.Intent}))
	require.Equal(t, []billing.PlanID{full.Listed[0].Plan, full.Listed[1].Plan}, full.Plans())
	require.Equal(t, []billing.PlanID{p.ID}, bare.Plans())
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error { return tx.InsertConsent(t.Context(), bare) }), billing.ErrExists)
}

func consentIsBound(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	left := f.insertConsent(f.newConsent(p, charges[0].ID, "pi_1"))
	given := f.insertConsent(f.newConsent(p, charges[0].ID, "pi_1"))
	f.insertConsent(f.newConsent(p, charges[0].ID, "pi_2"))
	f.bind("pi_1", charges[0].ID, "card_1")
	given.CardID = "card_1"
	same(t, []billing.Consent{given})(f.Consents(t.Context(), billing.ConsentFilter{Card: "card_1"}))
	all, err := f.Consents(t.Context(), billing.ConsentFilter{Charge: charges[0].ID})
	require.NoError(t, err)
	require.Contains(t, all, left, "the one before it was for a card that was not saved")
	f.bind("pi_1", charges[0].ID, "card_1") // by another event about the same payment
	same(t, []billing.Consent{given})(f.Consents(t.Context(), billing.ConsentFilter{Card: "card_1"}))
}

func consentIsBoundOnce(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	c := f.insertConsent(f.newConsent(p, charges[0].ID, "pi_1"))
	f.bind("pi_1", "", "card_1")
	f.bind("pi_1", "", "card_2")
	f.bind("pi_none", "", "card_3")
	c.CardID = "card_1"
	same(t, []billing.Consent{c})(f.Consents(t.Context(), billing.ConsentFilter{Charge: charges[0].ID}))
}

func merchantConsentIsBound(t *testing.T, f *fixture) {
	p, charges := f.plan(2)
	consent := f.insertConsent(f.newConsent(p, charges[0].ID, ""))
	f.bind("pi_1", "", "card_0")
	f.bind("pi_1", charges[1].ID, "card_0")
	f.bind("pi_1", charges[0].ID, "card_1")
	consent.CardID = "card_1"
	same(t, []billing.Consent{consent})(f.Consents(t.Context(), billing.ConsentFilter{Customer: p.CustomerID}))
}

func deletedPlanTakesItsConsent(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	f.insertConsent(f.newConsent(p, charges[0].ID, ""))
	require.True(t, f.insertLink(f.newLink(p, charges[0].ID, "hash")))
	f.update(func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), p.ID) })
	left, err := f.Consents(t.Context(), billing.ConsentFilter{Customer: p.CustomerID})
	require.NoError(t, err)
	require.Empty(t, left)
}

func consentWantsACustomer(t *testing.T, f *fixture) {
	err := f.Update(t.Context(), func(tx billing.Tx) error {
		return tx.InsertConsent(t.Context(), f.newConsent(billing.Plan{ID: "plan_none", CustomerID: "cust_none"}, "", ""))
	})
	require.ErrorIs(t, err, billing.ErrNotFound)
	err = f.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.InsertPayLink(t.Context(), f.newLink(billing.Plan{ID: "plan_none", CustomerID: "cust_none"}, "", "hash"))
		return err
	})
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func cardTriesAreCounted(t *testing.T, f *fixture) {
	p, charges := f.plan(1)
	try := billing.CardTry{
		ID: "evt_1", Kind: billing.CardTryDeclined, CustomerID: p.CustomerID, ChargeID: charges[0].ID, LinkID: "link_1", Intent: "pi_1",
		Address: "192.0.2.1", Code: "generic_decline", At: f.now,
	}
	insert := func(c billing.CardTry) (added bool) {
		f.update(func(tx billing.Tx) (err error) {
			added, err = tx.InsertCardTry(t.Context(), c)
			return err
		})
		return added
	}
	require.True(t, insert(try))
	require.False(t, insert(try), "one event is one decline")
	later := billing.CardTry{ID: "evt_2", Kind: billing.CardTryDeclined, CustomerID: p.CustomerID, Intent: "seti_1", At: f.now.Add(time.Hour)}
	require.True(t, insert(later))
	setup := later
	setup.ID, setup.Kind = "try_1", billing.CardTrySetup
	require.True(t, insert(setup))

	for _, tc := range []struct {
		filter billing.CardTryFilter
		want   int
	}{
		{billing.CardTryFilter{Customer: p.CustomerID}, 2},
		{billing.CardTryFilter{Customer: p.CustomerID, Since: f.now}, 1},
		{billing.CardTryFilter{Charge: charges[0].ID}, 1},
		{billing.CardTryFilter{Link: "link_1"}, 1},
		{billing.CardTryFilter{Address: "192.0.2.1"}, 1},
		{billing.CardTryFilter{Address: "192.0.2.2"}, 0},
		{billing.CardTryFilter{Intent: "seti_1"}, 1},
	} {
		tc.filter.Kind = billing.CardTryDeclined
		n, err := f.CountCardTries(t.Context(), tc.filter)
		require.NoError(t, err)
		require.Equal(t, tc.want, n, "%+v", tc.filter)
	}
	same(t, try)(f.LastCardTry(t.Context(), billing.CardTryFilter{Kind: billing.CardTryDeclined, Charge: charges[0].ID}))
	same(t, later)(f.LastCardTry(t.Context(), billing.CardTryFilter{Kind: billing.CardTryDeclined, Customer: p.CustomerID}))
	_, err := f.LastCardTry(t.Context(), billing.CardTryFilter{Kind: billing.CardTryVoided, Customer: p.CustomerID})
	require.ErrorIs(t, err, billing.ErrNotFound)
}
