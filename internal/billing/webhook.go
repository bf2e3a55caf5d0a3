package billing

import (
	"context"
	"time"
)

// EndpointStatus says whether an endpoint is told anything.
type EndpointStatus string

const (
	// EndpointEnabled is told of what happens.
	EndpointEnabled EndpointStatus = "enabled"
	// EndpointDisabled is told nothing: somebody switched it off, or it failed for days, or it
	// answered 410 Gone.
	EndpointDisabled EndpointStatus = "disabled"
)

// EndpointStatuses lists every status of an endpoint.
func EndpointStatuses() []EndpointStatus { return []EndpointStatus{EndpointEnabled, EndpointDisabled} }

// MaxEndpoints is how many endpoints there may be. Each of them is a row more in every transaction
// that tells something.
const MaxEndpoints = 50

// Endpoint is one address of the merchant's that messages are posted to.
type Endpoint struct {
	ID    EndpointID
	URL   string
	Types TypeFilter // what it is told of; empty means everything

	// Secret signs messages. It is sealed: the store never sees it in the clear. OldSecret is the
	// one before, which signs too until OldUntil; both are zero when there is none.
	Secret    string
	OldSecret string
	OldUntil  time.Time

	Status EndpointStatus
	Reason string // why it was disabled; empty when somebody asked for it
	// FailingSince is the first failure since the last success; zero while the endpoint works. It
	// is kept when failures disable the endpoint, and tells that apart from a person's wish.
	FailingSince time.Time
	DisabledAt   time.Time // zero while enabled

	CreatedAt, UpdatedAt time.Time
	Version              int64 // see Customer.Version; what deliveries note about an endpoint does not raise it
}

// ValidSecrets returns the sealed secrets that sign at a time: the newest, and the one before until
// OldUntil.
func (e Endpoint) ValidSecrets(now time.Time) []string {
	if e.OldSecret != "" && now.Before(e.OldUntil) {
		return []string{e.Secret, e.OldSecret}
	}
	return []string{e.Secret}
}

// Message is what happened, as it is told: the same for every endpoint, and fixed when it is
// written.
type Message struct {
	ID        MessageID // the webhook-id header too, the same at every try
	Type      string    // the action of the audit entry it stands for, such as charge.succeeded
	PlanID    PlanID    // empty for what concerns no plan
	Payload   []byte    // JSON
	CreatedAt time.Time
}

// DeliveryStatus is the state of a delivery.
type DeliveryStatus string

const (
	// DeliveryPending waits for its first or next try.
	DeliveryPending DeliveryStatus = "pending"
	// DeliveryDelivered was answered with 2xx.
	DeliveryDelivered DeliveryStatus = "delivered"
	// DeliveryFailed was given up; LastError says why. It can be replayed.
	DeliveryFailed DeliveryStatus = "failed"
)

// DeliveryStatuses lists every status of a delivery.
func DeliveryStatuses() []DeliveryStatus {
	return []DeliveryStatus{DeliveryPending, DeliveryDelivered, DeliveryFailed}
}

// WebhookDelivery is one message owed to one endpoint.
type WebhookDelivery struct {
	ID         DeliveryID
	MessageID  MessageID
	EndpointID EndpointID
	Type       string // the message's

	Status     DeliveryStatus
	Attempts   int    // tries since it was written or replayed
	LastStatus int    // HTTP status of the last try; 0 when there was no answer
	LastError  string // why the last try failed, in one line; empty when it did not

	NextAttemptAt time.Time // when it is tried next; zero when it is not
	WakeAt        time.Time // when the scheduler looks at it next: NextAttemptAt, or the end of a lease
	Lease         int64     // see Charge.Lease
	CreatedAt     time.Time
	LastAttemptAt time.Time // zero before the first
	DeliveredAt   time.Time // zero before
}

// DeliveryClaim is a pending delivery handed to one scheduler, for one lease.
type DeliveryClaim struct {
	DeliveryID DeliveryID
	Lease      int64
}

// Outgoing is everything a try needs.
type Outgoing struct {
	Delivery WebhookDelivery
	Message  Message
	Endpoint Endpoint
}

// EndpointNote is what a try says about its endpoint.
type EndpointNote int

const (
	// EndpointUnchanged: nothing new.
	EndpointUnchanged EndpointNote = iota
	// EndpointWorks: it took a message, so that it is not failing any more.
	EndpointWorks
	// EndpointFails: it did not, and is failing from now unless it was before.
	EndpointFails
	// EndpointGone: it is to be told nothing more; the delivery's LastError says why.
	EndpointGone
)

// DeliveryFilter selects deliveries. Zero fields select all.
type DeliveryFilter struct {
	Endpoint EndpointID
	Message  MessageID
	Status   DeliveryStatus
	Before   DeliveryID // older than this one: the cursor
	Limit    int
}

// Replay selects what is sent to an endpoint once more.
type Replay struct {
	Endpoint Endpoint
	Since    time.Time // messages written at or after
	// Delivered includes what the endpoint has taken before. Without it only what it has not is sent.
	Delivered bool
}

// WebhookStore keeps endpoints, and the outbox of what they are told. Messages and deliveries are
// not written here: they come with the audit entries they stand for, in the same transaction
// (Tx.InsertAudit). The audit entries that a method takes are written in the transaction of its
// change.
type WebhookStore interface {
	// InsertEndpoint adds an endpoint. Errors: ErrExists.
	InsertEndpoint(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// Endpoint reads one endpoint. Errors: ErrNotFound.
	Endpoint(ctx context.Context, id EndpointID) (Endpoint, error)
	// Endpoints lists all endpoints, oldest first.
	Endpoints(ctx context.Context) ([]Endpoint, error)
	// UpdateEndpoint writes an endpoint and raises its version. Errors: ErrNotFound, ErrConflict.
	UpdateEndpoint(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// UpdateEndpointSecrets writes an endpoint's secrets and UpdatedAt alone, and raises its
	// version. Errors: ErrNotFound, ErrConflict.
	UpdateEndpointSecrets(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// DeleteEndpoint removes an endpoint and everything owed to it. Errors: ErrNotFound.
	DeleteEndpoint(ctx context.Context, id EndpointID, entries ...AuditEntry) error

	// Outgoing reads a delivery with its message and its endpoint. Errors: ErrNotFound when one of
	// them is gone.
	Outgoing(ctx context.Context, id DeliveryID) (Outgoing, error)
	// HoldDelivery begins the lease anew before a try, and says whether the delivery is still that
	// lease's.
	HoldDelivery(ctx context.Context, c DeliveryClaim, until time.Time) (mine bool, err error)
	// RecordDelivery writes what became of a try, and what it says about the endpoint. A delivery
	// that is not pending any more stays as it is; and one that somebody else has claimed since
	// changes only to delivered.
	RecordDelivery(ctx context.Context, d WebhookDelivery, note EndpointNote) error
	// DropDelivery removes a delivery whose message or endpoint is gone.
	DropDelivery(ctx context.Context, id DeliveryID) error

	// Deliveries lists deliveries, newest first.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]WebhookDelivery, error)
	// PendingDeliveries counts what waits, up to MaxBacklog.
	PendingDeliveries(ctx context.Context) (int, error)
	// ReplayDelivery makes a delivery pending and due at now. Errors: ErrNotFound.
	ReplayDelivery(ctx context.Context, id DeliveryID, now time.Time, entries ...AuditEntry) error
	// ReplayDeliveries makes everything that r selects pending and due at now, whether or not it
	// was ever owed to the endpoint, and returns how many that are. It takes several transactions;
	// the entries are written in the first.
	ReplayDeliveries(ctx context.Context, r Replay, now time.Time, entries ...AuditEntry) (int, error)
	// PruneMessages removes messages written before a time, with their deliveries, and returns how
	// many messages went. It does a bounded number at a time: 0 means that none is left.
	PruneMessages(ctx context.Context, before time.Time) (int, error)
}

// WebhookSender posts messages.
type WebhookSender interface {
	// Send posts a message to an endpoint, signed with its secrets, and returns the HTTP status, 0
	// when there was no answer. The error says in one line, fit to be shown, why the message does
	// not count as taken; nil when it does.
	Send(ctx context.Context, e Endpoint, m Message) (status int, err error)
}
