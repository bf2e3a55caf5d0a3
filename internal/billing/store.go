package billing

import (
	"context"
	"time"
)

// Reader reads rows. Every method that finds one object returns ErrNotFound when it does not exist.
type Reader interface {
	DunningReader
	LinkReader
	ConsentReader
	IncidentReader
	CardTryReader
	ImportReader

	Plan(ctx context.Context, id PlanID) (Plan, error)
	PlanByReference(ctx context.Context, reference string) (Plan, error)
	// Plans lists plans, newest first.
	Plans(ctx context.Context, f PlanFilter) ([]Plan, error)
	// PlanCharges lists the charges of the given plans by plan and sequence.
	PlanCharges(ctx context.Context, plans ...PlanID) ([]Charge, error)

	Charge(ctx context.Context, id ChargeID) (Charge, error)
	// ChargeByPaymentIntent finds the charge that a PaymentIntent was created for.
	ChargeByPaymentIntent(ctx context.Context, paymentIntent string) (Charge, error)
	// Attempts lists the attempts at the given charges by charge and number.
	Attempts(ctx context.Context, charges ...ChargeID) ([]Attempt, error)

	Customer(ctx context.Context, id CustomerID) (Customer, error)
	CustomerByReference(ctx context.Context, reference string) (Customer, error)
	CustomerByStripe(ctx context.Context, stripeCustomer string) (Customer, error)
	// ListCustomers lists customers, newest first.
	ListCustomers(ctx context.Context, f CustomerFilter) ([]Customer, error)
	// CustomersToUpdate lists customers whose data is to be sent to Stripe at or before now,
	// earliest first, MaxPage at most. Customers whose data was erased are left out.
	CustomersToUpdate(ctx context.Context, now time.Time) ([]Customer, error)
	// Customers lists the customers with the given ids, by id.
	Customers(ctx context.Context, ids ...CustomerID) ([]Customer, error)

	Card(ctx context.Context, id CardID) (Card, error)
	CardByPaymentMethod(ctx context.Context, paymentMethod string) (Card, error)
	// Cards lists all of a customer's cards, oldest first.
	Cards(ctx context.Context, customer CustomerID) ([]Card, error)
	// CardsToDetach lists cards that are to be detached at Stripe at or before now, earliest first,
	// MaxPage at most.
	CardsToDetach(ctx context.Context, now time.Time) ([]Card, error)

	Notice(ctx context.Context, id NoticeID) (Notice, error)
	// Notices lists notices, newest first.
	Notices(ctx context.Context, f NoticeFilter) ([]Notice, error)

	Event(ctx context.Context, id string) (Event, error)
	// Events lists events by time of receipt, newest first.
	Events(ctx context.Context, f EventFilter) ([]Event, error)

	// Request finds the use of an Idempotency-Key of the merchant's.
	Request(ctx context.Context, key string) (Request, error)

	// PlanVersions lists the versions of a plan with a higher number than after, by number, MaxPage
	// at most.
	PlanVersions(ctx context.Context, plan PlanID, after int) ([]PlanVersion, error)
	// LastPlanVersion returns the version with the highest number. Errors: ErrNotFound for a plan
	// that was never changed.
	LastPlanVersion(ctx context.Context, plan PlanID) (PlanVersion, error)
	// Refunds lists the refunds of the given charges, by charge and age.
	Refunds(ctx context.Context, charges ...ChargeID) ([]Refund, error)

	// AuditTrail lists entries in the order of writing, or in reverse.
	AuditTrail(ctx context.Context, f AuditFilter) ([]AuditEntry, error)
}

// Tx is one transaction: it commits as a whole, or not at all.
type Tx interface {
	Reader
	DunningWriter
	LinkWriter
	ConsentWriter
	IncidentWriter
	CardTryWriter
	Eraser
	ImportWriter
	CatchUpTx
	NoticeGathering
	NoticeOrder

	// LockPlan reads a plan and locks it and its charges until the transaction ends. Every change
	// of a charge requires its plan's lock. Errors: ErrNotFound.
	LockPlan(ctx context.Context, id PlanID) (Plan, error)

	// LockCards lists a customer's cards as Cards does, and locks them until the transaction ends.
	// A transaction that also locks a plan locks the plan first.
	LockCards(ctx context.Context, customer CustomerID) ([]Card, error)

	// The Insert methods return ErrExists when a unique key is taken.
	InsertCustomer(ctx context.Context, c Customer) error
	InsertCard(ctx context.Context, c Card) error
	InsertPlan(ctx context.Context, p Plan, charges []Charge) error
	// InsertCharges adds charges to a plan. If one exists already, the transaction fails.
	InsertCharges(ctx context.Context, charges ...Charge) error
	InsertPlanVersion(ctx context.Context, v PlanVersion) error
	InsertRefund(ctx context.Context, r Refund) error
	InsertAttempt(ctx context.Context, a Attempt) error
	InsertRequest(ctx context.Context, r Request) error
	// InsertNotice returns false, and does nothing, when the charge already has a notice for this
	// step and channel, or the id exists. For a notice without a charge, the customer takes the
	// place of the charge.
	InsertNotice(ctx context.Context, n Notice) (bool, error)
	// InsertAudit adds entries, and the messages about them to endpoints. A message holds the
	// current rows that its entry names, so write those first.
	InsertAudit(ctx context.Context, entries ...AuditEntry) error

	// The Update methods return ErrConflict when the stored version differs from the given one (for
	// rows with a version), and increment the stored version. A caller that updates a row twice
	// increments its own copy in between. They return ErrNotFound when the row does not exist.
	UpdateCustomer(ctx context.Context, c Customer) error
	// UpdateStripeUpdate sets when a customer's contact data is next sent to Stripe; a zero time
	// means never. A customer with another version is left unchanged.
	UpdateStripeUpdate(ctx context.Context, c Customer, next time.Time) error
	UpdateCard(ctx context.Context, c Card) error
	// UpdateDetach sets when the detaching of a removed card is next requested at Stripe; a zero
	// time means never.
	UpdateDetach(ctx context.Context, id CardID, next time.Time) error
	UpdatePlan(ctx context.Context, p Plan) error
	// UpdateCharge writes every field but Lease, which only a claim changes.
	UpdateCharge(ctx context.Context, c Charge) error
	UpdateAttempt(ctx context.Context, a Attempt) error
	UpdateRefund(ctx context.Context, r Refund) error
	UpdateNotice(ctx context.Context, n Notice) error
	UpdateEvent(ctx context.Context, e Event) error
	// WakeEvents makes events that await one of the names pending at now: see Event.Awaits.
	// Inserting a plan, a customer or a card does this automatically, and so does setting a
	// customer's Stripe customer.
	WakeEvents(ctx context.Context, now time.Time, names ...string) error

	// DeletePlan removes a plan that never reached Stripe, with its charges, attempts and requests.
	// Its audit entries stay: the plan becomes their subject.
	DeletePlan(ctx context.Context, id PlanID) error
}

// NoticeOrder keeps the messages to a customer in order. It is part of Tx.
type NoticeOrder interface {
	// EarlierNotice returns the customer's oldest pending notice that was created before n. Errors:
	// ErrNotFound.
	EarlierNotice(ctx context.Context, n Notice) (Notice, error)
	// WakeNotices makes the customer's notices that wait with a reason due now.
	WakeNotices(ctx context.Context, customer CustomerID, reason string, now time.Time) error
}

// Store is the database, the source of truth.
type Store interface {
	Reader
	Inbox
	Calendar
	DunningCalendar
	Exporter

	// Update runs fn in one transaction and commits when fn returns nil. After a serialization
	// failure it runs fn again from the start, so fn must make changes only through tx. Errors:
	// fn's own, or ErrUnavailable.
	Update(ctx context.Context, fn func(tx Tx) error) error

	// Ping reports whether the database responds.
	Ping(ctx context.Context) error
	// Close ends all connections.
	Close() error
}

// Inbox stores Stripe's events.
type Inbox interface {
	// InsertEvents stores events in one commit and returns the ids that were new.
	InsertEvents(ctx context.Context, events []Event) ([]string, error)
}

// Calendar claims due rows. With any number of callers, each row is claimed once: a claim moves
// ClaimAfter to until and increments Lease. A limit above MaxPage means MaxPage.
type Calendar interface {
	// ClaimCharges claims charges with ClaimAfter at or before now, earliest first.
	ClaimCharges(ctx context.Context, now, until time.Time, limit int) ([]Claim, error)
	// ClaimEvents claims pending events, earliest first.
	ClaimEvents(ctx context.Context, now, until time.Time, limit int) ([]EventClaim, error)
	// ClaimNotices claims pending notices, earliest first.
	ClaimNotices(ctx context.Context, now, until time.Time, limit int) ([]NoticeClaim, error)
	// ClaimDeliveries claims pending deliveries to endpoints, earliest first.
	ClaimDeliveries(ctx context.Context, now, until time.Time, limit int) ([]DeliveryClaim, error)
	// ReleaseClaims ends the leases of rows that are due at now, if they last beyond latest. With
	// latest at now, a single process resumes its unfinished work at start; with a latest beyond
	// every lease, it wakes rows that a wrong clock delayed. It returns the number of rows.
	ReleaseClaims(ctx context.Context, now, latest time.Time) (int, error)
}

// ImportReader finds existing rows for an import, many at once. Names without a row are skipped.
type ImportReader interface {
	PlansByReference(ctx context.Context, references ...string) ([]Plan, error)
	CustomersByReference(ctx context.Context, references ...string) ([]Customer, error)
	CardsByPaymentMethod(ctx context.Context, paymentMethods ...string) ([]Card, error)
}

// Imported holds the rows of plans that another system collected before.
type Imported struct {
	Customers []Customer
	Cards     []Card
	Plans     []Plan
	Charges   []Charge
}

// ImportWriter writes imported rows. It is part of Tx.
type ImportWriter interface {
	// InsertImported adds the rows in few statements. If one exists already, the transaction fails.
	// Errors: ErrExists.
	InsertImported(ctx context.Context, rows Imported) error
}

// PeriodicJob is a periodic job that one process runs for all, such as reading Stripe's event list.
type PeriodicJob struct {
	Name string
	// Cursor is how far the job has come, in its own terms; zero before it first finished.
	Cursor time.Time
	// Lease counts the claims of the job. A process with an older lease has lost the job.
	Lease int64
}

// PeriodicJobStore makes sure that a periodic job runs in one process at a time, and that another
// process takes over when that one dies.
type PeriodicJobStore interface {
	// ClaimPeriodicJob claims the job until until, if it is due at now; ok reports whether it did. Of
	// several concurrent callers, one gets the job. An unknown job is due, and so is a job whose
	// next run is after latest, because only a wrong clock can have set that.
	ClaimPeriodicJob(ctx context.Context, name string, now, until, latest time.Time) (c PeriodicJob, ok bool, err error)
	// ExtendPeriodicJob extends the lease of a claimed job to until. Errors: ErrConflict when another
	// process has claimed it since.
	ExtendPeriodicJob(ctx context.Context, c PeriodicJob, until time.Time) error
	// FinishPeriodicJob records how far the job has come and when it is due next. Errors:
	// ErrConflict, as ExtendPeriodicJob.
	FinishPeriodicJob(ctx context.Context, c PeriodicJob, cursor, next time.Time) error
}
