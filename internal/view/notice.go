package view

import (
	"time"

	"tranche/internal/billing"
)

// Notice is the JSON of a notice.
type Notice struct {
	ID      billing.NoticeID     `json:"id"`
	Kind    billing.NoticeKind   `json:"kind"`
	Plan    billing.PlanID       `json:"plan"`
	Charge  *billing.ChargeID    `json:"charge"` // null for a notice about the plan or the card
	Channel string               `json:"channel"`
	To      string               `json:"to"`
	Status  billing.NoticeStatus `json:"status"`
	Reason  string               `json:"reason,omitempty"`
	Message string               `json:"message_id"` // the mail's Message-ID; empty until it is known
	// MailedWith is another notice whose mail also holds this notice; absent if this notice has its
	// own mail.
	MailedWith billing.NoticeID `json:"mailed_with,omitempty"`
	Subject    string           `json:"subject"`
	Body       string           `json:"body"`
	SentAt     *time.Time       `json:"sent_at"`
	Created    time.Time        `json:"created_at"`
}

// NewNotice returns the JSON of a notice.
func NewNotice(n billing.Notice) Notice {
	v := Notice{
		ID: n.ID, Kind: n.Kind, Plan: n.PlanID, Channel: n.Channel, To: n.To, Status: n.Status,
		Reason: n.Reason, Message: n.MessageID, Subject: n.Subject, Body: n.Body, SentAt: orNull(n.SentAt), Created: n.CreatedAt,
	}
	if n.ChargeID != "" {
		v.Charge = &n.ChargeID
	}
	if n.Data.MailedWith != n.ID {
		v.MailedWith = n.Data.MailedWith
	}
	return v
}
