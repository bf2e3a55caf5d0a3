package planwork

import (
	"slices"
	"time"

	"tranche/internal/billing"
)

// Audit adds an entry about a charge, by the acting party.
func (t *Tx) Audit(c *billing.Charge, action, message, next string) {
	t.AuditBy(c, "", action, message, next)
}

// AuditBy adds an entry about a charge, by the given actor: the customer or Stripe. An empty actor
// means the acting party.
func (t *Tx) AuditBy(c *billing.Charge, actor billing.Actor, action, message, next string) {
	t.AddAudit(billing.AuditEntry{
		At: t.Now, Actor: actor, Action: action, PlanID: t.Plan.ID, ChargeID: c.ID, CustomerID: t.Plan.CustomerID,
		Message: message, Next: next,
	})
}

// AuditPlan adds an entry about the plan, by the acting party.
func (t *Tx) AuditPlan(action, message, next string) {
	t.AddAudit(billing.AuditEntry{
		At: t.Now, Action: action, PlanID: t.Plan.ID, CustomerID: t.Plan.CustomerID, Message: message, Next: next,
	})
}

// AuditCard adds an entry about a card of the plan, by the acting party.
func (t *Tx) AuditCard(card billing.Card, action, message string) {
	t.AddAudit(billing.AuditEntry{
		At: t.Now, Action: action, PlanID: t.Plan.ID, CustomerID: t.Plan.CustomerID, CardID: card.ID, Message: message,
	})
}

// AddAuditFirst adds an entry before all others.
func (t *Tx) AddAuditFirst(entry billing.AuditEntry) { t.entries = slices.Insert(t.entries, 0, entry) }

// AddAudit adds entries to the audit trail. They are written with the other changes.
func (t *Tx) AddAudit(entries ...billing.AuditEntry) { t.entries = append(t.entries, entries...) }

// Location is the customer's time zone.
func (t *Tx) Location() *time.Location { return billing.LoadLocation(t.Customer.TimeZone) }

// Local formats a due time for people, in the customer's time zone. A charge with a zero time waits
// for the merchant's request.
func (t *Tx) Local(at time.Time) string {
	if at.IsZero() {
		return "on request"
	}
	return at.In(t.Location()).Format("Mon 2 Jan 2006 15:04 MST")
}

// Spoken formats a status for people: past_due becomes "past due".
func Spoken[S ~string](s S) string {
	out := []rune(s)
	for i, r := range out {
		if r == '_' {
			out[i] = ' '
		}
	}
	return string(out)
}
