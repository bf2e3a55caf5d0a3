package forecast

import (
	"context"
	"errors"
	"slices"
	"time"

	"tranche/internal/billing"
	"tranche/internal/store/sqlite"
)

// rows are all rows of one plan that anything is decided by.
type rows struct {
	plan      billing.Plan // zero where there is only a customer
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

// copyTries is how often a plan is read anew that is changed in the middle of it.
const copyTries = 5

// errBusy is a plan that was changed each time it was read.
var errBusy = errors.New("the plan is being changed all the time; try again")

// readPlan reads the rows of a plan as they are at one moment: who changes any of them raises the version of a charge or of
// the plan, so that a change in between shows.
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

// readNotices reads all of the plan's, page by page: what was told once is not told again.
func (got *rows) readNotices(ctx context.Context, r billing.Reader) error {
	f := billing.NoticeFilter{Plan: got.plan.ID}
	for {
		page, err := r.Notices(ctx, f)
		got.notices = append(got.notices, page...)
		if err != nil || len(page) < billing.MaxPage {
			return err
		}
		f.Before = page[len(page)-1].ID
	}
}

// readDunnings reads what follows the few charges that something happened to.
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

// readCustomer reads a customer, if there is one of the name, with the cards.
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

// declinesByCard lists when the plan's attempts were declined, by the card's fingerprint.
func (got *rows) declinesByCard() map[string][]time.Time {
	own := map[string][]time.Time{}
	for _, a := range got.attempts {
		if a.Fingerprint != "" && a.Outcome == billing.OutcomeDeclined {
			own[a.Fingerprint] = append(own[a.Fingerprint], a.CreatedAt)
		}
	}
	return own
}

// write puts the rows into a store of ours.
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

// each calls fn for each of the list, up to the first error.
func each[T any](list []T, fn func(T) error) error {
	for _, v := range list {
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}
