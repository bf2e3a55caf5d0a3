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

// receiptSubject begins the subject of a receipt in English, which is what the customers here read.
const receiptSubject = "Receipt for your payment of "

// tally counts the notices of a charge: receipts, those that tell of a failure or remind of one, and final notices.
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

// reminders is how often the customer may have been reminded of a charge: once, and never of one that is tried again by itself.
func reminders(c charge) int {
	if c.Status == "retrying" || c.Status == "collecting" {
		return 0
	}
	return 1
}

// failedAttempts counts the attempts of ours at which the card was refused, and those that failed in any way.
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

// noticesAgain finds customers who were told the same thing twice.
func (a *auditor) noticesAgain() {
	known := map[string]bool{}
	for _, n := range a.Notices {
		known[n.ID] = true
	}
	a.plansTold()
	for id, notices := range a.noticesOf {
		receipts, failures, finals := tally(notices)
		if finals > 1 {
			a.add(kindDuplicate, "charge %s has %d final notices", id, finals)
		}
		if n := ofKind(notices, noticeUpcoming); n > 1 {
			a.add(kindDuplicate, "charge %s was announced %d times", id, n)
		}
		if receipts > 1 {
			a.add(kindDuplicate, "charge %s has %d receipts", id, receipts)
		}
		c := a.chargeByID[id]
		if c == nil {
			a.add(kindWrong, "%d notices tell of charge %q, which does not exist", len(notices), id)
			continue
		}
		// Each failed attempt is told of once; a charge whose card was gone before it was tried, once in all.
		if _, failed := failedAttempts(*c); failures > max(failed, 1)+reminders(*c) {
			a.add(kindDuplicate, "charge %s has %d notices of failure for %d failed attempts", id, failures, failed)
		}
	}
	receipts := map[string]string{}
	for _, m := range a.Mail.Letters {
		id, _, _ := strings.Cut(m.MessageID, "@")
		if !known[id] {
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

// ofKind is how many notices are of a kind.
func ofKind(notices []notice, kind string) (n int) {
	for _, notice := range notices {
		if notice.Kind == kind {
			n++
		}
	}
	return n
}

// plansTold finds customers who were told twice, or not at all, that everything is paid.
func (a *auditor) plansTold() {
	ofPlan := map[string][]notice{}
	for _, n := range a.Notices {
		if n.Charge == "" {
			ofPlan[n.Plan] = append(ofPlan[n.Plan], n)
		}
	}
	for _, p := range a.Plans {
		told := ofKind(ofPlan[p.ID], noticeCompleted)
		switch {
		case told > 1:
			a.add(kindDuplicate, "the end of plan %s was told %d times", p.Reference, told)
		case told == 0 && p.Status == "completed":
			a.add(kindLost, "plan %s is completed, and nobody was told", p.Reference)
		case told == 1 && p.Status != "completed":
			a.add(kindWrong, "plan %s is %s, and its customer was told that it is completed", p.Reference, p.Status)
		}
	}
}

// missingNotices finds customers who were told nothing, or to whom a mail was recorded that never arrived.
func (a *auditor) missingNotices() {
	arrived := map[string]bool{}
	for _, m := range a.Mail.Letters {
		id, _, _ := strings.Cut(m.MessageID, "@")
		arrived[id] = true
	}
	for _, n := range a.Notices {
		if n.Status == "sent" && !arrived[n.ID] {
			a.add(kindLost, "notice %s to %s was recorded as sent, and did not arrive", n.ID, n.To)
		}
	}
	for _, p := range a.Plans {
		for _, c := range p.Charges {
			receipts, failures, finals := tally(a.noticesOf[c.ID])
			if c.Status == "succeeded" && receipts == 0 {
				a.add(kindLost, "charge %s of %s is paid, and no receipt is owed", c.ID, p.Reference)
			}
			declined, _ := failedAttempts(c)
			if c.Status == "canceled" {
				declined-- // the plan was canceled before the decline was recorded: nobody is chased
			}
			if paid(c) {
				declined-- // paid before the last decline was recorded: there was nothing left to tell
			}
			if failures+finals < declined { // the last retry is announced with the final notice
				a.add(kindLost, "charge %s of %s was declined %d times, and the customer told %d times", c.ID, p.Reference, declined, failures)
			}
		}
	}
}
