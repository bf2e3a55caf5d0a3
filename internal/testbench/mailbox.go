package testbench

import (
	"context"
	"slices"
	"sync"

	"tranche/internal/billing"
)

// Nowhere is a queue that loses every task, as a queue may.
type Nowhere struct{}

// Enqueue drops the tasks.
func (Nowhere) Enqueue(context.Context, ...billing.Task) error { return nil }

// Mailbox is a mail server that keeps its mails.
type Mailbox struct {
	Mails []billing.Mail
	Fail  error // the answer to further mails; nil accepts them

	mu sync.Mutex
}

// Send keeps a mail, or fails if the test set a failure.
func (m *Mailbox) Send(_ context.Context, mail billing.Mail) (billing.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return billing.Delivery{}, m.Fail
	}
	m.Mails = append(m.Mails, mail)
	return billing.Delivery{}, nil
}

// All returns the mails so far, while others may be sent.
func (m *Mailbox) All() []billing.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.Mails)
}
