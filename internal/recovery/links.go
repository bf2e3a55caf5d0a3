package recovery

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"tranche/internal/billing"
)

// tokenBytes is the length of a token before encoding: 256 bits can't be guessed.
const tokenBytes = sha256.Size

// purpose separates these MACs from any others that may be made with the same key.
const purpose = "tranche pay link v1\n"

// Links makes the links to the recovery page. A link in a mail is derived from the notice and the
// secret key, so that a mail that is sent again contains the same link. The database stores the
// hash of the token, not the token. With another key, new mails contain new links, and old links
// still work.
type Links struct {
	Store   billing.Store
	Key     string        // the newest of TRANCHE_SECRET_KEY
	BaseURL string        // TRANCHE_BASE_URL
	TTL     time.Duration // how long a new link is valid
	Now     func() time.Time
}

// ErrNoLinks means that links can't be made, because a setting is missing.
var ErrNoLinks = errors.New("set TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY: without them there is no recovery page")

// Enabled reports whether links can be made.
func (l *Links) Enabled() bool { return l != nil && l.Key != "" && l.BaseURL != "" }

// URL returns the link of a notice, which works once Open was called; "" if links can't be made.
func (l *Links) URL(n billing.Notice) string {
	if !l.Enabled() {
		return ""
	}
	return l.url(l.tokenOf(n.ID))
}

// Open stores the link of a notice, which is valid from now until it expires. A second call changes
// nothing: a mail that is sent twice extends no link, and a revoked link stays revoked.
func (l *Links) Open(ctx context.Context, n billing.Notice) error {
	if !l.Enabled() {
		return nil
	}
	link := l.link(l.tokenOf(n.ID), n.PlanID, n.CustomerID, chargeOf(n))
	link.NoticeID = n.ID
	return l.insert(ctx, link)
}

// chargeOf returns the charge that the link of a notice leads to; "" for a mail about the card.
func chargeOf(n billing.Notice) billing.ChargeID {
	switch n.Kind {
	case billing.NoticeCardExpiring, billing.NoticeCardNeeded, billing.NoticeCardUpdated:
		return ""
	}
	return n.ChargeID
}

// Create makes a link for the merchant to pass on: to a charge, or to a plan's card if charge is
// empty. Its token is random; the URL is returned once and not stored. Errors: ErrNoLinks,
// billing.ErrNotFound, billing.ErrUnavailable.
func (l *Links) Create(ctx context.Context, plan billing.Plan, charge billing.ChargeID) (url string, link billing.PayLink, err error) {
	if !l.Enabled() {
		return "", link, ErrNoLinks
	}
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	token := base64.RawURLEncoding.EncodeToString(b[:])
	link = l.link(token, plan.ID, plan.CustomerID, charge)
	if err := l.insert(ctx, link); err != nil {
		return "", link, err
	}
	return l.url(token), link, nil
}

// Revoke ends a link, with an audit entry. Errors: billing.ErrNotFound, billing.ErrUnavailable.
func (l *Links) Revoke(ctx context.Context, id billing.LinkID) error {
	now := l.Now()
	return l.Store.Update(ctx, func(tx billing.Tx) error {
		link, err := tx.PayLinkByID(ctx, id)
		if err != nil {
			return err
		}
		if !link.RevokedAt.IsZero() {
			return nil
		}
		if err := tx.RevokePayLink(ctx, id, now); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Action: "link.revoked", PlanID: link.PlanID, ChargeID: link.ChargeID,
			CustomerID: link.CustomerID, Message: fmt.Sprintf("link %s to the recovery page is revoked", id),
		})
	})
}

// CountOpen returns how many links RevokeAll would end. Errors: billing.ErrUnavailable.
func (l *Links) CountOpen(ctx context.Context) (int, error) {
	return l.Store.OpenPayLinks(ctx, l.Now())
}

// RevokeAll ends every link that is still valid, with one audit entry, and returns how many it
// ended. It is meant for incidents. New links can be made at once. Errors: billing.ErrUnavailable.
func (l *Links) RevokeAll(ctx context.Context) (revoked int, err error) {
	now := l.Now()
	err = l.Store.Update(ctx, func(tx billing.Tx) error {
		if revoked, err = tx.RevokePayLinks(ctx, now); err != nil {
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: now, Action: "links.revoked", Message: fmt.Sprintf("all links to the recovery page are revoked: %d were open", revoked),
		})
	})
	return revoked, err
}

func (l *Links) insert(ctx context.Context, link billing.PayLink) error {
	return l.Store.Update(ctx, func(tx billing.Tx) error {
		added, err := tx.InsertPayLink(ctx, link)
		if err != nil || !added || link.NoticeID != "" { // the notice has audit entries of its own
			return err
		}
		return tx.InsertAudit(ctx, billing.AuditEntry{
			At: link.CreatedAt, Action: "link.created", PlanID: link.PlanID, ChargeID: link.ChargeID,
			CustomerID: link.CustomerID, Message: fmt.Sprintf("link %s to the recovery page is made; it ends %s", link.ID,
				link.ExpiresAt.UTC().Format("2 Jan 2006 15:04 MST")),
		})
	})
}

func (l *Links) link(token string, plan billing.PlanID, customer billing.CustomerID, charge billing.ChargeID) billing.PayLink {
	now := l.Now().Truncate(time.Millisecond)
	return billing.PayLink{
		ID: billing.NewLinkID(now), TokenHash: hashOf(token), CustomerID: customer, PlanID: plan, ChargeID: charge,
		CreatedAt: now, ExpiresAt: now.Add(l.TTL),
	}
}

func (l *Links) tokenOf(id billing.NoticeID) string {
	mac := hmac.New(sha256.New, []byte(l.Key))
	mac.Write([]byte(purpose + string(id)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (l *Links) url(token string) string { return strings.TrimSuffix(l.BaseURL, "/") + "/pay/" + token }

// hashOf returns the hash of a token, which the database stores. A token is random, so its hash
// needs no salt and can be looked up. The time of a look-up reveals nothing about other tokens,
// because an attacker can't choose the hash.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
