package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"tranche/internal/billing"
	"tranche/internal/terms"
)

// former adds the words that may identify the customer in texts, besides the current name and
// address: former ones, which notices and terms still hold, and the digits of cards. It runs before
// those rows are erased.
func (w *eraser) former(ctx context.Context) error {
	notices, err := all(ctx, w.conn, w.doing(), scanNoticeWords, `SELECT recipient, data FROM notices
		WHERE customer_id = $1 AND charge_id IS NULL
		UNION ALL SELECT n.recipient, n.data FROM plans p JOIN notices n ON n.plan_id = p.id WHERE p.customer_id = $1`, w.Customer.ID)
	if err != nil {
		return err
	}
	terms, err := all(ctx, w.conn, w.doing(), scanTermsWords, "SELECT terms FROM plans WHERE customer_id = $1", w.Customer.ID)
	if err != nil {
		return err
	}
	digits, err := all(ctx, w.conn, w.doing(), scanID, "SELECT DISTINCT last4 FROM cards WHERE customer_id = $1 AND last4 <> ''", w.Customer.ID)
	if err != nil {
		return err
	}
	for _, words := range slices.Concat(notices, terms) {
		w.Words = append(w.Words, words...)
	}
	for _, d := range digits {
		w.Words = append(w.Words, "ending "+d)
	}
	// The longest first: an address may hold a name.
	slices.SortFunc(w.Words, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	w.Words = slices.Compact(w.Words)
	return nil
}

func scanNoticeWords(row scanner) ([]string, error) {
	var c billing.Customer
	var data billing.NoticeData
	err := row.Scan(&c.Email, document{&data})
	c.Name = data.CustomerName
	return c.Words(), err
}

func scanTermsWords(row scanner) ([]string, error) {
	var stored []byte
	if err := row.Scan(raw{&stored}); err != nil {
		return nil, err
	}
	var t terms.Terms
	if err := json.Unmarshal(stored, &t); err != nil {
		return nil, nil //nolint:nilerr // terms that name no customer; the plan's own erasure reports them
	}
	return billing.Customer{Email: t.Customer.Email, Name: t.Customer.Name}.Words(), nil
}
