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

// tokenBytes is the length of a token before it is written out: nobody guesses 256 bits.
const tokenBytes = sha256.Size

// purpose keeps these MACs apart from any other that may be made with the same key one day.
const purpose = "tranche pay link v1\n"

// Links makes the links to the recovery page. A link in a mail is derived from the notice and the
// secret key, so that the same mail sent again holds the same link, and the token need not be kept;
// the database holds its hash. With another key new mails hold new links, and old ones are still
// found.
type Links struct {
	Store   billing.Store
	Key     string        // the newest of TRANCHE_SECRET_KEY
	BaseURL string        // TRANCHE_BASE_URL
	TTL     time.Duration // how long a new link holds
	Now     func() time.Time
}

// ErrNoLinks: links can't be made, because a setting is missing.
var ErrNoLinks = errors.New("set TRANCHE_BASE_URL, TRANCHE_SECRET_KEY and STRIPE_PUBLISHABLE_KEY: without them there is no recovery page")

// Enabled says whether links can be made.
func (l *Links) Enabled() bool { return l != nil && l.Key != "" && l.BaseURL != "" }

// URL is the link of a notice. It opens nothing until Open was called. Empty when links can't be
// made.
func (l *Links) URL(n billing.Notice) string {
	if !l.Enabled() {
		return ""
	}
	return l.url(l.tokenOf(n.ID))
}

// Open lets the link of a notice open its page, from now until it expires. Called again it changes
// nothing: a mail that is sent twice prolongs no link, and one that was revoked stays so.
func (l *Links) Open(ctx context.Context, n billing.Notice) error {
	if !l.Enabled() {
		return nil
	}
	link := l.link(l.tokenOf(n.ID), n.PlanID, n.CustomerID, chargeOf(n))
	link.NoticeID = n.ID
	return l.insert(ctx, link)
}

// chargeOf is what the link of a notice is about: a mail about the card is about no charge.
func chargeOf(n billing.Notice) billing.ChargeID {
	switch n.Kind {
	case billing.NoticeCardExpiring, billing.NoticeCardNeeded, billing.NoticeCardUpdated:
		return ""
	}
	return n.ChargeID
}

// Create makes a link for the merchant to hand on: to a charge, or to a plan's card when charge is
// empty. Its token is random; the URL is told once and kept nowhere. Errors: ErrNoLinks,
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

// Revoke ends a link, and writes down who wanted it. Errors: billing.ErrNotFound,
// billing.ErrUnavailable.
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

// RevokeAll ends every link that still opens the page, for an incident, writes down who wanted it,
// and returns how many links there were. New links can be made at once. Errors:
// billing.ErrUnavailable.
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
		if err != nil || !added || link.NoticeID != "" { // the notice has entries of its own
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

// hashOf is what is kept of a token. A token is random, so its hash needs no salt and can be looked
// up; looking up a hash takes as long for every wrong token, because nobody can steer the hash.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
