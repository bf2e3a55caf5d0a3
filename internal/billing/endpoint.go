package billing

import (
	"context"
	"slices"
	"strings"
	"time"
)

// EndpointStatus is the state of an endpoint.
type EndpointStatus string

const (
	// EndpointEnabled receives messages.
	EndpointEnabled EndpointStatus = "enabled"
	// EndpointDisabled receives no messages: it was disabled on request, it failed for days, or it
	// answered 410 Gone.
	EndpointDisabled EndpointStatus = "disabled"
)

// EndpointStatuses lists every status of an endpoint.
func EndpointStatuses() []EndpointStatus { return []EndpointStatus{EndpointEnabled, EndpointDisabled} }

// MaxEndpoints is the highest number of endpoints. Each endpoint adds a row to every transaction
// that sends a message.
const MaxEndpoints = 50

// TypeFilter lists the types of messages that an endpoint receives: single types, such as
// charge.succeeded, or all types of a kind, such as charge.*. An empty filter passes everything.
type TypeFilter []string

// Wants reports whether messages of a type pass.
func (f TypeFilter) Wants(messageType string) bool {
	kind, _, _ := strings.Cut(messageType, ".")
	return len(f) == 0 || slices.Contains(f, messageType) || slices.Contains(f, kind+".*")
}

// Endpoint is one address of the merchant's that messages are posted to.
type Endpoint struct {
	ID    EndpointID
	URL   string
	Types TypeFilter // the messages that it receives; empty means all

	// Secret signs messages. It is sealed: the store never sees it in plain text. OldSecret is the
	// previous secret, which also signs until OldUntil; both are zero when there is none.
	Secret    string
	OldSecret string
	OldUntil  time.Time

	Status EndpointStatus
	Reason string // why it was disabled; empty if on request
	// FailingSince is the first failure since the last success; zero while the endpoint works. It
	// is kept when failures disable the endpoint, and distinguishes that from disabling on request.
	FailingSince time.Time
	DisabledAt   time.Time // zero while enabled

	CreatedAt, UpdatedAt time.Time
	Version              int64 // see Customer.Version; recording deliveries does not increment it
}

// ValidSecrets returns the sealed secrets that sign at a time: the newest one, and the previous one
// until OldUntil.
func (e Endpoint) ValidSecrets(now time.Time) []string {
	if e.OldSecret != "" && now.Before(e.OldUntil) {
		return []string{e.Secret, e.OldSecret}
	}
	return []string{e.Secret}
}

// Message is a message about an audit entry. It is the same for every endpoint, and fixed when it
// is created.
type Message struct {
	ID        MessageID // also the header webhook-id; the same for every retry
	Type      string    // the action of its audit entry, such as charge.succeeded
	PlanID    PlanID    // empty if it is about no plan
	Payload   []byte    // JSON
	CreatedAt time.Time
}

// DeliveryStatus is the state of a delivery.
type DeliveryStatus string

const (
	// DeliveryPending waits for its first or next try.
	DeliveryPending DeliveryStatus = "pending"
	// DeliveryDelivered was accepted with a 2xx status.
	DeliveryDelivered DeliveryStatus = "delivered"
	// DeliveryFailed was given up; LastError holds the cause. It can be replayed.
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
	Attempts   int    // tries since it was created or replayed
	LastStatus int    // HTTP status of the last try; 0 without a response
	LastError  string // why the last try failed, in one line; empty if it succeeded

	NextAttemptAt time.Time // when it is tried next; zero if it is not
	ClaimAfter    time.Time // when the scheduler may claim it next: NextAttemptAt, or the end of a lease
	Lease         int64     // see Charge.Lease
	CreatedAt     time.Time
	LastAttemptAt time.Time // zero before the first
	DeliveredAt   time.Time // zero before
}

// DeliveryClaim is a pending delivery that was claimed by one scheduler, for one lease.
type DeliveryClaim struct {
	DeliveryID DeliveryID
	Lease      int64
}

// Outgoing holds everything that a try needs.
type Outgoing struct {
	Delivery WebhookDelivery
	Message  Message
	Endpoint Endpoint
}

// EndpointNote is what a try shows about its endpoint.
type EndpointNote int

const (
	// EndpointUnchanged: nothing new.
	EndpointUnchanged EndpointNote = iota
	// EndpointWorks: it accepted a message, so it is not failing any more.
	EndpointWorks
	// EndpointFails: it accepted no message, so it is failing from now on unless it was before.
	EndpointFails
	// EndpointGone: it must receive no more messages, because it answered 410 Gone or failed for
	// days; the delivery's LastError holds the details.
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

// Replay selects messages to send to an endpoint again.
type Replay struct {
	Endpoint Endpoint
	Since    time.Time // messages written at or after
	// Delivered includes messages that the endpoint has accepted before.
	Delivered bool
}

// WebhookStore keeps endpoints, and the outbox of messages to them. Messages and deliveries are not
// written here: Tx.InsertAudit writes them with their audit entries, in the same transaction. The
// audit entries that a method takes are written in the transaction of its change.
type WebhookStore interface {
	// InsertEndpoint adds an endpoint. Errors: ErrExists.
	InsertEndpoint(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// Endpoint reads one endpoint. Errors: ErrNotFound.
	Endpoint(ctx context.Context, id EndpointID) (Endpoint, error)
	// Endpoints lists all endpoints, oldest first.
	Endpoints(ctx context.Context) ([]Endpoint, error)
	// UpdateEndpoint writes an endpoint and increments its version. Errors: ErrNotFound,
	// ErrConflict.
	UpdateEndpoint(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// UpdateEndpointSecrets writes only an endpoint's secrets and UpdatedAt, and increments its
	// version. Errors: ErrNotFound, ErrConflict.
	UpdateEndpointSecrets(ctx context.Context, e Endpoint, entries ...AuditEntry) error
	// DeleteEndpoint removes an endpoint with its deliveries. Errors: ErrNotFound.
	DeleteEndpoint(ctx context.Context, id EndpointID, entries ...AuditEntry) error

	// Outgoing reads a delivery with its message and its endpoint. Errors: ErrNotFound when one of
	// them does not exist.
	Outgoing(ctx context.Context, id DeliveryID) (Outgoing, error)
	// HoldDelivery restarts the lease before a try, and reports whether the claim still holds the
	// delivery.
	HoldDelivery(ctx context.Context, c DeliveryClaim, until time.Time) (mine bool, err error)
	// RecordDelivery stores the result of a try, and what it shows about the endpoint. A delivery
	// that is no longer pending is left unchanged, and a delivery that another process has claimed
	// since changes only to delivered.
	RecordDelivery(ctx context.Context, d WebhookDelivery, note EndpointNote) error
	// DropDelivery removes a delivery whose message or endpoint no longer exists.
	DropDelivery(ctx context.Context, id DeliveryID) error

	// Deliveries lists deliveries, newest first.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]WebhookDelivery, error)
	// PendingDeliveries counts pending deliveries, up to MaxBacklog.
	PendingDeliveries(ctx context.Context) (int, error)
	// ReplayDelivery makes a delivery pending and due at now. Errors: ErrNotFound.
	ReplayDelivery(ctx context.Context, id DeliveryID, now time.Time, entries ...AuditEntry) error
	// ReplayDeliveries makes every delivery that r selects pending and due at now, including
	// messages that were never addressed to the endpoint, and returns how many. It takes several
	// transactions; the entries are written in the first.
	ReplayDeliveries(ctx context.Context, r Replay, now time.Time, entries ...AuditEntry) (int, error)
	// PruneMessages removes messages created before a time, with their deliveries, and returns how
	// many messages were removed. It removes a bounded number at a time: 0 means that none is left.
	PruneMessages(ctx context.Context, before time.Time) (int, error)
}

// WebhookSender posts messages.
type WebhookSender interface {
	// Send posts a message to an endpoint, signed with its secrets, and returns the HTTP status; 0
	// without a response. The error is nil when the message was accepted; otherwise it is one line
	// that may be shown to users.
	Send(ctx context.Context, e Endpoint, m Message) (status int, err error)
}
