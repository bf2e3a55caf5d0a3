package recovery_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
)

const (
	firstKey  = "0123456789abcdef0123456789abcdef"
	secondKey = "fedcba9876543210fedcba9876543210"
)

func (d *desk) links(key string) *recovery.Links {
	return &recovery.Links{Store: d.store, Key: key, BaseURL: "https://pay.example.com/", TTL: 24 * time.Hour, Now: d.clock}
}

// token is the last part of a link.
func token(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	require.NoError(t, err)
	require.Equal(t, "https://pay.example.com", u.Scheme+"://"+u.Host)
	token, ok := strings.CutPrefix(u.Path, "/pay/")
	require.True(t, ok, link)
	require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, token)
	return token
}

func TestTheSameNoticeHasTheSameLinkAndItsTokenIsKeptNowhere(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		links := d.links(firstKey)
		n := d.notice(billing.NoticePaymentFailed)
		require.NoError(t, links.Open(t.Context(), n))
		d.advance(time.Hour)
		require.NoError(t, links.Open(t.Context(), n), "the mail is sent again")
		require.Equal(t, links.URL(n), d.links(firstKey).URL(n), "in another process too")

		rows, err := d.store.PayLinks(t.Context(), n.PlanID)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		tok := token(t, links.URL(n))
		require.NotContains(t, rows[0].TokenHash, tok)
		require.Equal(t, d.start.Add(24*time.Hour+time.Millisecond), rows[0].ExpiresAt, "sending it again prolongs nothing")
		v, err := d.Visit(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, n.ChargeID, v.Charge.ID)
	})
}

func TestLinksDifferByNoticeAndByKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		one, other := d.notice(billing.NoticePaymentFailed), d.notice(billing.NoticeActionRequired)
		require.NotEqual(t, d.links(firstKey).URL(one), d.links(firstKey).URL(other))
		require.NotEqual(t, d.links(firstKey).URL(one), d.links(secondKey).URL(one))
	})
}

func TestAnOldLinkOpensAfterTheKeyWasChanged(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		n := d.notice(billing.NoticePaymentFailed)
		for _, key := range []string{firstKey, secondKey} {
			require.NoError(t, d.links(key).Open(t.Context(), n))
		}
		for _, key := range []string{firstKey, secondKey} {
			_, err := d.Visit(t.Context(), token(t, d.links(key).URL(n)))
			require.NoError(t, err)
		}
	})
}

func TestALinkThatIsUnknownExpiredOrRevokedOpensNothingAlike(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		links := d.links(firstKey)
		revoked, expired := d.notice(billing.NoticePaymentFailed), d.notice(billing.NoticeActionRequired)
		require.NoError(t, links.Open(t.Context(), revoked))
		rows, err := d.store.PayLinks(t.Context(), revoked.PlanID)
		require.NoError(t, err)
		require.NoError(t, links.Revoke(t.Context(), rows[0].ID))
		require.NoError(t, links.Revoke(t.Context(), rows[0].ID), "twice is no error")
		require.NoError(t, links.Open(t.Context(), revoked), "mailing it again does not open it")
		require.NoError(t, links.Open(t.Context(), expired))
		var told []string
		_, err = d.Visit(t.Context(), token(t, links.URL(revoked)))
		require.ErrorIs(t, err, recovery.ErrGone)
		told = append(told, err.Error())
		_, err = d.Visit(t.Context(), token(t, links.URL(expired)))
		require.NoError(t, err)
		d.advance(24 * time.Hour)
		_, err = d.Visit(t.Context(), token(t, links.URL(expired)))
		require.ErrorIs(t, err, recovery.ErrGone)
		told = append(told, err.Error())
		_, err = d.Visit(t.Context(), "made-up")
		require.ErrorIs(t, err, recovery.ErrGone)
		require.Equal(t, []string{err.Error(), err.Error()}, told)
	})
}

func TestALinkOfTheMerchantsIsRandom(t *testing.T) {
	eachEngine(t, func(t *testing.T, d *desk) {
		links := d.links(firstKey)
		plan := d.plan()
		one, link, err := links.Create(t.Context(), plan.Plan, plan.Charges[1].ID)
		require.NoError(t, err)
		other, _, err := links.Create(t.Context(), plan.Plan, plan.Charges[1].ID)
		require.NoError(t, err)
		require.NotEqual(t, one, other)
		v, err := d.Visit(t.Context(), token(t, one))
		require.NoError(t, err)
		require.Equal(t, link, v.Link)

		card, _, err := links.Create(t.Context(), plan.Plan, "")
		require.NoError(t, err)
		v, err = d.Visit(t.Context(), token(t, card))
		require.NoError(t, err)
		require.Equal(t, 2, v.Charge.Sequence, "what comes next")
	})
}

func TestWithoutSettingsThereAreNoLinks(t *testing.T) {
	t.Parallel()
	for _, links := range []*recovery.Links{nil, {}, {Key: firstKey}, {BaseURL: "https://pay.example.com"}} {
		require.Empty(t, links.URL(billing.Notice{ID: "ntc_1"}))
		require.NoError(t, links.Open(t.Context(), billing.Notice{ID: "ntc_1"}))
		_, _, err := links.Create(t.Context(), billing.Plan{}, "")
		require.ErrorIs(t, err, recovery.ErrNoLinks)
	}
}
