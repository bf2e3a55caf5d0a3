package planwork

import (
	"fmt"
	"time"

	"tranche/internal/billing"
)

// Tx is one transaction on one plan, under the plan's lock. Changes are collected in it and
// written together at the end.
type Tx struct {
	billing.Tx
	Work       *Work
	Now        time.Time
	Before     billing.Plan
	Plan       billing.Plan
	Customer   billing.Customer
	Charges    []billing.Charge // by sequence
	changed    map[billing.ChargeID]bool
	added      map[billing.ChargeID]bool // charges to be inserted
	byHand     bool                      // see ByHand
	entries    []billing.AuditEntry
	tasks      []billing.Task
	newCard    string           // the PaymentIntent or SetupIntent that gave the plan another card, or empty
	newVersion string           // why the agreement was changed; empty if it was not
	agreedOn   []billing.Charge // the charges before the agreement changed
	askForCard string           // the payment that left the plan without a card, or empty
}

// Charge finds a charge of the plan. A caller that changes the charge calls Touch.
func (t *Tx) Charge(id billing.ChargeID) (*billing.Charge, error) {
	for i := range t.Charges {
		if t.Charges[i].ID == id {
			return &t.Charges[i], nil
		}
	}
	return nil, fmt.Errorf("charge %s of plan %s: %w", id, t.Plan.ID, billing.ErrNotFound)
}

// EnqueueAfter adds a task that is enqueued once the changes are committed.
func (t *Tx) EnqueueAfter(task billing.Task) { t.tasks = append(t.tasks, task) }

// ByHand marks the transaction as an operation of a person. The operation has a notice of its own,
// so the customer is not notified of the plan's course. The plan's row is written even if no field
// of it changed, so that a worker that read the plan before can't overwrite the change.
func (t *Tx) ByHand() {
	t.byHand = true
	t.KeepAgreed()
}

// CardGiven notifies the customer that the plan has another card. cause is the PaymentIntent or
// SetupIntent with which the customer gave it.
func (t *Tx) CardGiven(cause string) { t.newCard = cause }

// RequestCard asks the customer for a card. cause is the payment that left the plan without one.
func (t *Tx) RequestCard(cause string) { t.askForCard = cause }
