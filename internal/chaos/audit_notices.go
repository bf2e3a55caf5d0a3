package main

import "strings"

const (
	noticeReceipt   = "payment_succeeded"
	noticeFailed    = "payment_failed"
	noticeAction    = "action_required"
	noticeFinal     = "final_notice"
	noticeUpcoming  = "upcoming_charge"
	noticeCompleted = "plan_completed"
	noticeDefaulted = "plan_defaulted"
)

// receiptSubject is the start of a receipt's subject in English, the language of all customers
// here.
const receiptSubject = "Receipt for your payment of "

// tally counts the notices of a charge: receipts, failure notices with reminders, and final
// notices.
func tally(notices []notice) (receipts, failures, finals int) {
	for _, n := range notices {
		switch n.Kind {
		case noticeReceipt:
			receipts++
		case noticeFailed, noticeAction:
			failures++
		case noticeFinal:
			finals++
		}
	}
	return receipts, failures, finals
}

// reminders returns how many reminders a charge may have: one, and none while a retry is scheduled.
func reminders(c charge) int {
	if c.Status == "retrying" || c.Status == "collecting" {
		return 0
	}
	return 1
}

// failedAttempts counts the merchant-initiated attempts at which the card was declined, and all
// that failed.
func failedAttempts(c charge) (declined, failed int) {
	for _, t := range c.Attempts {
		if t.Initiator != "merchant" {
			continue
		}
		switch t.Outcome {
		case "declined", "requires_action":
			declined++
			failed++
		case "error":
			failed++
		}
	}
	return declined, failed
}

// duplicateNotices finds notices that repeat another.
func (a *auditor) duplicateNotices() {
	a.completionNotices()
	a.duplicateMails()
	for id, notices := range a.noticesOf {
		receipts, failures, finals := tally(notices)
		if finals > 1 {
			a.add(kindDuplicate, "charge %s has %d final notices", id, finals)
		}
		a.duplicateAnnouncements(id, notices)
		if receipts > 1 {
			a.add(kindDuplicate, "charge %s has %d receipts", id, receipts)
		}
		c := a.chargeByID[id]
		if c == nil {
			a.add(kindWrong, "%d notices are about charge %q, which does not exist", len(notices), id)
			continue
		}
		// Each failed attempt has one notice. A charge whose card was gone before the first attempt has
		// one in all.
		if _, failed := failedAttempts(*c); failures > max(failed, 1)+reminders(*c) {
			a.add(kindDuplicate, "charge %s has %d notices of failure for %d failed attempts", id, failures, failed)
		}
	}
}

// duplicateAnnouncements finds a date that was announced twice, and a second date for a charge that
// was not moved. The subject names the date. A plan that resumes with shifted dates announces the
// new dates.
func (a *auditor) duplicateAnnouncements(id string, notices []notice) {
	dates := map[string]int{}
	for _, n := range notices {
		if n.Kind == noticeUpcoming {
			dates[n.Subject]++
		}
	}
	for subject, n := range dates {
		if n > 1 {
			a.add(kindDuplicate, "charge %s was announced %d times as %q", id, n, subject)
		}
	}
	if len(dates) > 1 && !a.datesMoved(notices[0].Plan) {
		a.add(kindDuplicate, "charge %s was announced for %d dates, and was not moved", id, len(dates))
	}
}

// datesMoved reports whether a plan was asked to resume with shifted dates.
func (a *auditor) datesMoved(id string) bool {
	for _, g := range a.Agreements {
		if p := a.planByRef[g.Order.Reference]; p != nil && p.ID == id {
			return g.Order.Stop.Dates == datesShift && !g.Stopped.Resuming.IsZero()
		}
	}
	return false
}

// duplicateMails finds mails without a notice, and receipts that arrived twice.
func (a *auditor) duplicateMails() {
	known := map[string]bool{}
	for _, n := range a.Notices {
		known[n.Message] = true
	}
	receipts := map[string]string{}
	for _, m := range a.Mail.Letters {
		if !known[m.MessageID] && !a.arrivedInLostTime(m) {
			a.add(kindDuplicate, "mail %s to %s belongs to no notice", m.MessageID, m.To)
		}
		if !strings.HasPrefix(m.Subject, receiptSubject) {
			continue
		}
		if other := receipts[m.To+m.Body]; other != "" {
			a.add(kindDuplicate, "mails %s and %s are the same receipt", min(other, m.MessageID), max(other, m.MessageID))
		}
		receipts[m.To+m.Body] = m.MessageID
	}
}

// ofKind counts the notices of a kind.
func ofKind(notices []notice, kind string) (n int) {
	for _, notice := range notices {
		if notice.Kind == kind {
			n++
		}
	}
	return n
}

// completionNotices finds plans with a missing, doubled or wrong completion notice.
func (a *auditor) completionNotices() {
	ofPlan := map[string][]notice{}
	for _, n := range a.Notices {
		if n.Charge == "" {
			ofPlan[n.Plan] = append(ofPlan[n.Plan], n)
		}
	}
	for _, p := range a.Plans {
		n := ofKind(ofPlan[p.ID], noticeCompleted)
		switch {
		case n > 1:
			a.add(kindDuplicate, "plan %s has %d completion notices", p.Reference, n)
		case n == 0 && p.Status == "completed":
			a.add(kindLost, "plan %s is completed, and has no completion notice", p.Reference)
		case n == 1 && p.Status != "completed":
			a.add(kindWrong, "plan %s is %s, and has a completion notice", p.Reference, p.Status)
		}
	}
}

// missingNotices finds notices that were never created, and notices recorded as sent whose mail
// never arrived.
func (a *auditor) missingNotices() {
	arrived := map[string]bool{}
	for _, m := range a.Mail.Letters {
		arrived[m.MessageID] = true
	}
	for _, n := range a.Notices {
		if n.Status == "sent" && !arrived[n.Message] {
			a.add(kindLost, "notice %s to %s was recorded as sent, and did not arrive", n.ID, n.To)
		}
	}
	for _, p := range a.Plans {
		for _, c := range p.Charges {
			a.missingNoticesOf(p, c)
		}
	}
}

// missingNoticesOf finds a payment without a receipt, and declines without a notice.
func (a *auditor) missingNoticesOf(p plan, c charge) {
	receipts, failures, finals := tally(a.noticesOf[c.ID])
	if c.Status == "succeeded" && receipts == 0 {
		a.add(kindLost, "charge %s of %s is paid, and has no receipt", c.ID, p.Reference)
	}
	declined, _ := failedAttempts(c)
	if c.Status == "canceled" {
		declined-- // the plan was canceled before the decline was recorded, so no notice is due
	}
	if paid(c) {
		declined-- // the charge was paid before the last decline was recorded, so no notice is due
	}
	if finals == 0 && failures < declined { // a retry that fails after the final notice is not mailed
		a.add(kindLost, "charge %s of %s was declined %d times, and has %d notices of it", c.ID, p.Reference, declined, failures)
	}
}
