package store

import (
	"context"
	"errors"

	"tranche/internal/billing"
)

const consentColumns = `id, customer_id, plan_id, charge_id, card_id, intent, source, text_version, text_shown, locale,
	accepted_at, address, user_agent, created_at`

func scanConsent(row scanner) (billing.Consent, error) {
	var c billing.Consent
	err := row.Scan(&c.ID, &c.CustomerID, &c.PlanID, text(&c.ChargeID), text(&c.CardID), text(&c.Intent), &c.Source, &c.TextVersion,
		&c.Text, &c.Locale, at(&c.AcceptedAt), &c.Address, &c.UserAgent, at(&c.CreatedAt))
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
	return all(ctx, r.conn, "list consents", scanConsent,
		where.sql("SELECT "+consentColumns+" FROM card_consents", "id DESC", 0), where.args...)
}

// InsertConsent adds a consent. Errors: ErrExists; ErrNotFound when there is no such customer.
func (t *tx) InsertConsent(ctx context.Context, c billing.Consent) error {
	return t.insertOne(ctx, "add consent "+string(c.ID), "card_consents", consentColumns, []any{
		c.ID, c.CustomerID, c.PlanID, orNull(c.ChargeID), orNull(c.CardID), orNull(c.Intent), c.Source, c.TextVersion, c.Text, c.Locale,
		millis(c.AcceptedAt), c.Address, c.UserAgent, millis(c.CreatedAt),
	})
}

// BindConsent ties the newest consent that waits for its card to the card.
func (t *tx) BindConsent(ctx context.Context, intent string, charge billing.ChargeID, card billing.CardID) error {
	waiting, err := t.waitingConsent(ctx, "intent = $1", intent)
	if errors.Is(err, billing.ErrNotFound) && charge != "" {
		waiting, err = t.waitingConsent(ctx, "charge_id = $1 AND intent IS NULL", string(charge))
	}
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.updateOne(ctx, "bind consent "+string(waiting.ID), "UPDATE card_consents SET card_id = $2 WHERE id = $1", waiting.ID, card)
}

func (t *tx) waitingConsent(ctx context.Context, condition, value string) (billing.Consent, error) {
	return one(ctx, t.conn, "find the consent of "+value, scanConsent,
		"SELECT "+consentColumns+" FROM card_consents WHERE "+condition+" AND card_id IS NULL ORDER BY id DESC LIMIT 1", value)
}
