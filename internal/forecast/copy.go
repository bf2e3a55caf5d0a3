package forecast

import (
	"context"
	"errors"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/store/sqlite"
)

// rows are all rows of one plan that affect any decision.
type rows struct {
	plan      billing.Plan // zero if only a customer exists
	customer  billing.Customer
	cards     []billing.Card
	charges   []billing.Charge
	attempts  []billing.Attempt
	policies  []billing.PinnedPolicy
	dunnings  []billing.Dunning
	notices   []billing.Notice
	refunds   []billing.Refund
	fromStore bool
}

// copyTries is how often a plan is read again when it changes while it is read.
const copyTries = 5

// errBusy means that the plan changed each time it was read.
var errBusy = errors.New("the plan changed during every read; try again")

// readPlan reads the rows of a plan in a consistent state. Every change raises the version of a
// charge or of the plan, so a change between two reads is detected.
func readPlan(ctx context.Context, r billing.Reader, id billing.PlanID) (rows, error) {
	for range copyTries {
		got, err := readOnce(ctx, r, id)
		if err != nil {
			return got, err
		}
		plan, err := r.Plan(ctx, id)
		if err != nil {
			return got, err
		}
		charges, err := r.PlanCharges(ctx, id)
		if err != nil {
			return got, err
		}
		same := func(a, b billing.Charge) bool { return a.ID == b.ID && a.Version == b.Version && a.Lease == b.Lease }
		if plan.Version == got.plan.Version && slices.EqualFunc(charges, got.charges, same) {
			return got, nil
		}
	}
	return rows{}, errBusy
}

func readOnce(ctx context.Context, r billing.Reader, id billing.PlanID) (rows, error) {
	details, err := billing.LoadDetails(ctx, r, id)
	if err != nil {
		return rows{}, err
	}
	got := rows{plan: details.Plan, customer: details.Customer, charges: details.Charges, fromStore: true}
	ids := make([]billing.ChargeID, len(got.charges))
	for i, c := range got.charges {
		ids[i] = c.ID
		got.attempts = append(got.attempts, details.Attempts[c.ID]...)
	}
	if got.cards, err = r.Cards(ctx, got.customer.ID); err != nil {
		return got, err
	}
	if got.refunds, err = r.Refunds(ctx, ids...); err != nil {
		return got, err
	}
	if err := got.readNotices(ctx, r); err != nil {
		return got, err
	}
	err = got.readDunnings(ctx, r)
	return got, err
}

// readNotices reads all notices of the plan, page by page, so that the forecast repeats none.
func (got *rows) readNotices(ctx context.Context, r billing.Reader) error {
	for n, err := range billing.EachNotice(ctx, r, billing.NoticeFilter{Plan: got.plan.ID}) {
		if err != nil {
			return err
		}
		got.notices = append(got.notices, n)
	}
	return nil
}

// readDunnings reads the dunnings of the charges that have a history.
func (got *rows) readDunnings(ctx context.Context, r billing.Reader) error {
	for _, c := range got.charges {
		if c.Status.Ended() || c.AttemptCount == 0 && c.Reason == "" {
			continue
		}
		d, err := r.Dunning(ctx, c.ID)
		if errors.Is(err, billing.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		got.dunnings = append(got.dunnings, d)
		policy, err := r.PinnedPolicy(ctx, d.Policy)
		if err != nil {
			return err
		}
		got.policies = append(got.policies, policy)
	}
	return nil
}

// readCustomer reads the customer with a reference, if one exists, and the cards.
func readCustomer(ctx context.Context, r billing.Reader, reference string) (rows, error) {
	customer, err := r.CustomerByReference(ctx, reference)
	if errors.Is(err, billing.ErrNotFound) {
		return rows{}, nil
	}
	if err != nil {
		return rows{}, err
	}
	cards, err := r.Cards(ctx, customer.ID)
	return rows{customer: customer, cards: cards, fromStore: true}, err
}

// declinesByCard returns the times of the plan's declines, by card and amount.
func (got *rows) declinesByCard() map[billing.CardAmount][]time.Time {
	charges := map[billing.ChargeID]billing.Charge{}
	for _, c := range got.charges {
		charges[c.ID] = c
	}
	own := map[billing.CardAmount][]time.Time{}
	for _, a := range got.attempts {
		if a.Fingerprint != "" && a.Outcome == billing.OutcomeDeclined {
			of := charges[a.ChargeID].On(a.Fingerprint)
			own[of] = append(own[of], a.CreatedAt)
		}
	}
	return own
}

// write writes the rows into the scratch database.
func (got *rows) write(ctx context.Context, s *sqlite.Scratch) error {
	if !got.fromStore {
		return nil
	}
	return s.Update(ctx, func(tx billing.Tx) error {
		if err := tx.InsertCustomer(ctx, got.customer); err != nil {
			return err
		}
		if err := each(got.cards, func(c billing.Card) error { return tx.InsertCard(ctx, c) }); err != nil || got.plan.ID == "" {
			return err
		}
		if err := tx.InsertPlan(ctx, got.plan, got.charges); err != nil {
			return err
		}
		return errors.Join(
			each(got.attempts, func(a billing.Attempt) error { return tx.InsertAttempt(ctx, a) }),
			each(got.policies, func(p billing.PinnedPolicy) error { return tx.PinPolicy(ctx, p) }),
			each(got.dunnings, func(d billing.Dunning) error { return tx.InsertDunning(ctx, d) }),
			each(got.refunds, func(r billing.Refund) error { return tx.InsertRefund(ctx, r) }),
			each(got.notices, func(n billing.Notice) error { _, err := tx.InsertNotice(ctx, n); return err }),
		)
	})
}

// each calls fn for each element, up to the first error.
func each[T any](list []T, fn func(T) error) error {
	for _, v := range list {
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}
