package billing

// Completes turns n into the notice that everything of a plan is paid. It holds the total paid, and
// is sent once per plan.
func (n *Notice) Completes(p Plan, charges []Charge) {
	n.Step = string(NoticePlanCompleted) + ":" + string(p.ID)
	for _, c := range charges {
		if c.Status == ChargeSucceeded || c.Status == ChargeDisputed {
			n.Data.Amount += c.Amount
		}
		if c.DueAt.After(n.Data.DueAt) {
			n.Data.DueAt = c.DueAt
		}
	}
}

// Starts turns n into the notice that confirms a plan that has begun. It lists every payment, and
// is sent once per plan.
func (n *Notice) Starts(p Plan, charges []Charge) {
	n.Step = string(NoticePlanStarted) + ":" + string(p.ID)
	n.Data.Recurrence = p.Recurrence
	for _, c := range charges {
		payment := NoticePayment{Amount: c.Amount, DueAt: c.DueAt}
		switch {
		case c.Status == ChargeCanceled:
			continue
		case c.Status.Settled():
			payment.Paid, payment.DueAt = true, c.PaidAt
		}
		n.Data.Schedule = append(n.Data.Schedule, payment)
		n.Data.Amount += c.Amount
	}
}

// Confirmation returns the notice that confirms a plan on a saved card, which begins when it is
// created.
func Confirmation(p Plan, c Customer, charges []Charge, card Card) Notice {
	n := Notice{
		ID: NewNoticeID(p.CreatedAt), Kind: NoticePlanStarted, PlanID: p.ID, CustomerID: p.CustomerID, Channel: ChannelEmail,
		To: c.Email, Status: NoticePending, CreatedAt: p.CreatedAt, ClaimAfter: p.CreatedAt,
		Data: NoticeData{
			CustomerName: c.Name, Locale: c.Locale, TimeZone: c.TimeZone, Reference: p.Reference, Description: p.Description(),
			Currency: p.Currency, CardBrand: card.Brand, CardLast4: card.Last4,
		},
	}
	n.Starts(p, charges)
	return n
}
