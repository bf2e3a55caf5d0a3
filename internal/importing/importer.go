package importing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tranche/internal/billing"
	"tranche/internal/money"
	"tranche/internal/terms"
)

// batchSize is how many lines are written in one transaction.
const batchSize = 500

// Store is the database, as an import needs it.
type Store interface {
	billing.ImportReader
	Update(ctx context.Context, fn func(tx billing.Tx) error) error
}

// Options are how plans are imported.
type Options struct {
	Now      func() time.Time
	Rules    billing.Rules
	Policies []string // dunning policies that lines may name
	CatchUp  bool     // charges that fell due before now are charged at once; otherwise they are faults
	Confirm  bool     // customers get a notice with the payments of their plan
	Cards    Cards    // each card is looked up there; nil trusts the file
	// Progress receives the number of lines read so far; it may be nil.
	Progress func(lines int64)
	// Fault receives every fault of a line. Its error ends the import.
	Fault func(Fault) error
}

// Fault is a fault of one field of a line.
type Fault struct {
	Line      int    `json:"line"` // of the file, from 1
	Reference string `json:"reference,omitempty"`
	billing.FieldError
}

// Summary counts lines, charges and amounts. Of plans that continue until they are canceled, only
// the next charge counts as left.
type Summary struct {
	Lines   int64                     `json:"lines"`
	New     int64                     `json:"new"`     // imported, or to be imported
	Present int64                     `json:"present"` // there already, with the same terms
	Bad     int64                     `json:"bad"`
	Charges int64                     `json:"charges"`
	Totals  map[money.Currency]Totals `json:"totals"` // of the new ones
}

// Totals are amounts in minor units.
type Totals struct {
	Plans int64 `json:"plans"`
	Paid  int64 `json:"paid"`
	Left  int64 `json:"left"`
}

// Importer imports one file. It remembers the cards that it looked up, so that a check before an
// import asks Stripe once.
type Importer struct {
	store Store
	Options
	verified map[named]verdict
	// drafted are the customers, by reference, that the earlier batches of a check would add. The
	// database lacks them, because a check writes nothing.
	drafted map[string]terms.Customer
}

// New makes an importer.
func New(store Store, o Options) *Importer {
	return &Importer{store: store, Options: o, verified: map[named]verdict{}}
}

// Check goes through the lines and writes nothing. Errors: of reading the file, of Options.Fault,
// billing.ErrUnavailable.
func (im *Importer) Check(ctx context.Context, lines *Reader) (Summary, error) {
	im.drafted = map[string]terms.Customer{}
	defer func() { im.drafted = nil }()
	return im.walk(ctx, lines, im.checkBatch)
}

// Import writes the plans of valid lines, five hundred in a transaction, and skips the others,
// which Check reports beforehand. It skips existing plans as well, so a second run completes an
// interrupted one. Errors: as for Check; earlier batches stay written.
func (im *Importer) Import(ctx context.Context, lines *Reader) (Summary, error) {
	return im.walk(ctx, lines, im.writeBatch)
}

// numbered is a line of the file with its number and faults.
type numbered struct {
	Line
	number int
	bad    []billing.FieldError
}

// walk goes through the file in batches.
func (im *Importer) walk(ctx context.Context, lines *Reader, do func(context.Context, []numbered) (Summary, error)) (Summary, error) {
	sum := Summary{Totals: map[money.Currency]Totals{}}
	seen := newSeen()
	for more := true; more; {
		var batch []numbered
		for more && len(batch) < batchSize {
			l, number, err := lines.next()
			wrong, isLine := errors.AsType[*lineError](err)
			switch {
			case errors.Is(err, io.EOF):
				more = false
			case isLine:
				batch = append(batch, numbered{Line: l, number: number, bad: []billing.FieldError{wrong.FieldError}})
			case err != nil:
				return sum, fmt.Errorf("read the file after line %d: %w", sum.Lines+int64(len(batch)), err)
			default:
				batch = append(batch, numbered{Line: l, number: number, bad: seen.faults(l, number)})
			}
		}
		if err := im.one(ctx, batch, &sum, do); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// one processes a batch, reports its faults and adds it to the sum.
func (im *Importer) one(ctx context.Context, batch []numbered, sum *Summary, do func(context.Context, []numbered) (Summary, error)) error {
	if len(batch) == 0 {
		return nil
	}
	if err := im.verify(ctx, batch); err != nil {
		return err
	}
	done, err := do(ctx, batch)
	if err != nil {
		return err
	}
	sum.add(done)
	if im.Fault != nil {
		for _, n := range batch {
			for _, f := range n.bad {
				if err := im.Fault(Fault{Line: n.number, Reference: n.Reference, FieldError: f}); err != nil {
					return err
				}
			}
		}
	}
	if im.Progress != nil {
		im.Progress(sum.Lines)
	}
	return ctx.Err()
}

func (s *Summary) add(o Summary) {
	s.Lines, s.New, s.Present, s.Bad, s.Charges = s.Lines+o.Lines, s.New+o.New, s.Present+o.Present, s.Bad+o.Bad, s.Charges+o.Charges
	for currency, t := range o.Totals {
		was := s.Totals[currency]
		s.Totals[currency] = Totals{Plans: was.Plans + t.Plans, Paid: was.Paid + t.Paid, Left: was.Left + t.Left}
	}
}

func (im *Importer) checkBatch(ctx context.Context, batch []numbered) (Summary, error) {
	rows, err := im.prepare(ctx, im.store, batch)
	for _, c := range rows.Customers {
		im.drafted[c.Reference] = terms.Customer{
			Email: c.Email, Name: c.Name, Locale: c.Locale, TimeZone: c.TimeZone, StripeCustomer: c.StripeCustomer,
		}
	}
	return rows.sum, err
}

// writeBatch prepares the batch in the transaction that writes it, because another import may run
// at the same time.
func (im *Importer) writeBatch(ctx context.Context, batch []numbered) (Summary, error) {
	var rows prepared
	before := make([][]billing.FieldError, len(batch))
	for i := range batch {
		before[i] = batch[i].bad
	}
	write := func(tx billing.Tx) error {
		for i := range batch {
			batch[i].bad = before[i]
		}
		var err error
		if rows, err = im.prepare(ctx, tx, batch); err != nil {
			return err
		}
		return rows.writeTo(ctx, tx)
	}
	const tries = 5 // other processes may create the same customers or plans at the same time
	for try := 1; ; try++ {
		err := im.store.Update(ctx, write)
		if try < tries && (errors.Is(err, billing.ErrExists) || errors.Is(err, billing.ErrConflict)) {
			continue
		}
		return rows.sum, err
	}
}

// writeTo writes the prepared batch in the caller's transaction.
func (p prepared) writeTo(ctx context.Context, tx billing.Tx) error {
	for _, c := range p.updated {
		if err := tx.UpdateCustomer(ctx, *c); err != nil {
			return err
		}
	}
	if err := tx.InsertImported(ctx, p.Imported); err != nil {
		return err
	}
	for _, n := range p.notices {
		if _, err := tx.InsertNotice(ctx, n); err != nil {
			return err
		}
	}
	return tx.InsertAudit(ctx, p.audit...)
}
