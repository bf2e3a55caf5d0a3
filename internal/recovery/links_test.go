package recovery_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/recovery"
	"tranche/internal/testbench"
)

const (
	firstKey  = "0123456789abcdef0123456789abcdef"
	secondKey = "fedcba9876543210fedcba9876543210"
)

func (b *bench) links(key string) *recovery.Links {
	return &recovery.Links{Store: b.Store, Key: key, BaseURL: "https://pay.example.com/", TTL: 24 * time.Hour, Now: b.Now}
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
	eachEngine(t, func(t *testing.T, b *bench) {
		links := b.links(firstKey)
		n := b.notice(billing.NoticePaymentFailed)
		require.NoError(t, links.Open(t.Context(), n))
		b.advance(time.Hour)
		require.NoError(t, links.Open(t.Context(), n), "the mail is sent again")
		require.Equal(t, links.URL(n), b.links(firstKey).URL(n), "in another process too")

		rows, err := b.Store.PayLinks(t.Context(), n.PlanID)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		tok := token(t, links.URL(n))
		require.NotContains(t, rows[0].TokenHash, tok)
		require.Equal(t, testbench.Start.Add(24*time.Hour+time.Millisecond), rows[0].ExpiresAt, "sending it again prolongs nothing")
		v, err := b.service.Page(t.Context(), tok)
		require.NoError(t, err)
		require.Equal(t, n.ChargeID, v.Charge.ID)
	})
}

func TestLinksDifferByNoticeAndByKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		one, other := b.notice(billing.NoticePaymentFailed), b.notice(billing.NoticeActionRequired)
		require.NotEqual(t, b.links(firstKey).URL(one), b.links(firstKey).URL(other))
		require.NotEqual(t, b.links(firstKey).URL(one), b.links(secondKey).URL(one))
	})
}

func TestAnOldLinkOpensAfterTheKeyWasChanged(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		n := b.notice(billing.NoticePaymentFailed)
		for _, key := range []string{firstKey, secondKey} {
			require.NoError(t, b.links(key).Open(t.Context(), n))
		}
		for _, key := range []string{firstKey, secondKey} {
			_, err := b.service.Page(t.Context(), token(t, b.links(key).URL(n)))
			require.NoError(t, err)
		}
	})
}

func TestALinkThatIsUnknownExpiredOrRevokedOpensNothingAlike(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		links := b.links(firstKey)
		revoked, expired := b.notice(billing.NoticePaymentFailed), b.notice(billing.NoticeActionRequired)
		require.NoError(t, links.Open(t.Context(), revoked))
		rows, err := b.Store.PayLinks(t.Context(), revoked.PlanID)
		require.NoError(t, err)
		require.NoError(t, links.Revoke(t.Context(), rows[0].ID))
		require.NoError(t, links.Revoke(t.Context(), rows[0].ID), "twice is no error")
		require.NoError(t, links.Open(t.Context(), revoked), "mailing it again does not open it")
		require.NoError(t, links.Open(t.Context(), expired))
		var messages []string
		_, err = b.service.Page(t.Context(), token(t, links.URL(revoked)))
		require.ErrorIs(t, err, recovery.ErrGone)
		messages = append(messages, err.Error())
		_, err = b.service.Page(t.Context(), token(t, links.URL(expired)))
		require.NoError(t, err)
		b.advance(24 * time.Hour)
		_, err = b.service.Page(t.Context(), token(t, links.URL(expired)))
		require.ErrorIs(t, err, recovery.ErrGone)
		messages = append(messages, err.Error())
		_, err = b.service.Page(t.Context(), "made-up")
		require.ErrorIs(t, err, recovery.ErrGone)
		require.Equal(t, []string{err.Error(), err.Error()}, messages)
	})
}

func TestRevokeAll_NewLinksOpenAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		links, n := b.links(firstKey), b.notice(billing.NoticePaymentFailed)
		require.NoError(t, links.Open(t.Context(), n))
		plan := b.plan()
		handed, _, err := links.Create(t.Context(), plan.Plan, "")
		require.NoError(t, err)
		same := func(want int, got int, err error) {
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		count, err := links.CountOpen(t.Context())
		same(2, count, err)
		ctx := billing.ActingAs(t.Context(), billing.Party{Actor: billing.NewActor(billing.ActorCommand, "ada@ops1")})
		count, err = links.RevokeAll(ctx)
		same(2, count, err)
		count, err = links.CountOpen(t.Context())
		same(0, count, err)
		for _, url := range []string{links.URL(n), handed} {
			_, err := b.service.Page(t.Context(), token(t, url))
			require.ErrorIs(t, err, recovery.ErrGone)
		}
		trail, err := b.Store.AuditTrail(t.Context(), billing.AuditFilter{})
		require.NoError(t, err)
		var said []billing.AuditEntry
		for _, entry := range trail {
			if entry.Action == "links.revoked" {
				said = append(said, entry)
			}
		}
		require.Len(t, said, 1)
		require.Equal(t, billing.NewActor(billing.ActorCommand, "ada@ops1"), said[0].Actor)
		require.Contains(t, said[0].Message, "2 were open")

		again, _, err := links.Create(t.Context(), plan.Plan, "")
		require.NoError(t, err)
		_, err = b.service.Page(t.Context(), token(t, again))
		require.NoError(t, err)
		fresh := b.notice(billing.NoticeActionRequired)
		require.NoError(t, links.Open(t.Context(), fresh))
		_, err = b.service.Page(t.Context(), token(t, links.URL(fresh)))
		require.NoError(t, err)
	})
}

func TestALinkOfTheMerchantsIsRandom(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bench) {
		links := b.links(firstKey)
		plan := b.plan()
		one, link, err := links.Create(t.Context(), plan.Plan, plan.Charges[1].ID)
		require.NoError(t, err)
		other, _, err := links.Create(t.Context(), plan.Plan, plan.Charges[1].ID)
		require.NoError(t, err)
		require.NotEqual(t, one, other)
		v, err := b.service.Page(t.Context(), token(t, one))
		require.NoError(t, err)
		require.Equal(t, link, v.Link)

		card, _, err := links.Create(t.Context(), plan.Plan, "")
		require.NoError(t, err)
		v, err = b.service.Page(t.Context(), token(t, card))
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
