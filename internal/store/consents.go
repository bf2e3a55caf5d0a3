package store

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

const consentColumns = `id, customer_id, plan_id, charge_id, card_id, intent, source, text_version, text_shown, locale,
	accepted_at, address, user_agent, created_at, listed`

func scanConsent(row scanner) (billing.Consent, error) {
	var c billing.Consent
	err := row.Scan(&c.ID, &c.CustomerID, &c.PlanID, text(&c.ChargeID), text(&c.CardID), text(&c.Intent), &c.Source, &c.TextVersion,
		&c.Text, &c.Locale, at(&c.AcceptedAt), &c.Address, &c.UserAgent, at(&c.CreatedAt), documentOrNone{&c.Listed})
	return c, err
}

// Consents lists consents, newest first.
func (r reader) Consents(ctx context.Context, f billing.ConsentFilter) ([]billing.Consent, error) {
	var where filter
	if f.Customer != "" {
		where.add("customer_id =", f.Customer)
	}
	if f.Card != "" {
		where.add("card_id =", f.Card)
	}
	if f.Charge != "" {
		where.add("charge_id =", f.Charge)
	}
	if f.Intent != "" {
		where.add("intent =", f.Intent)
	}
	if f.Before != "" {
		where.add("id <", f.Before)
	}
	return all(ctx, r.conn, "list consents", scanConsent,
		where.sql("SELECT "+consentColumns+" FROM card_consents", "id DESC", f.Limit), where.args...)
}

// InsertConsent adds a consent. Errors: ErrExists; ErrNotFound when there is no such customer.
func (t *tx) InsertConsent(ctx context.Context, c billing.Consent) error {
	return t.insertOne(ctx, "add consent "+string(c.ID), "card_consents", consentColumns, []any{
		c.ID, c.CustomerID, c.PlanID, orNull(c.ChargeID), orNull(c.CardID), orNull(c.Intent), c.Source, c.TextVersion, c.Text, c.Locale,
		millis(c.AcceptedAt), c.Address, c.UserAgent, millis(c.CreatedAt), listOrNone(c.Listed),
	})
}

// BindConsent ties the newest consent to the card, unless it is tied already: a card that was
// declined before left others.
func (t *tx) BindConsent(ctx context.Context, intent string, charge billing.ChargeID, card billing.CardID) error {
	newest, err := t.newestConsent(ctx, "intent = $1", intent)
	if errors.Is(err, billing.ErrNotFound) && charge != "" {
		newest, err = t.newestConsent(ctx, "charge_id = $1 AND intent IS NULL", string(charge))
	}
	if errors.Is(err, billing.ErrNotFound) || err == nil && newest.CardID != "" {
		return nil
	}
	if err != nil {
		return err
	}
	return t.updateOne(ctx, "bind consent "+string(newest.ID), "UPDATE card_consents SET card_id = $2 WHERE id = $1", newest.ID, card)
}

func (t *tx) newestConsent(ctx context.Context, condition, value string) (billing.Consent, error) {
	return one(ctx, t.conn, "find the consent of "+value, scanConsent,
		"SELECT "+consentColumns+" FROM card_consents WHERE "+condition+" ORDER BY id DESC LIMIT 1", value)
}
