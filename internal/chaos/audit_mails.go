package main

// overtakenMails finds mails that were out of date on arrival: they announce, report or ask for a
// charge of a plan whose cancellation was already acknowledged. A mail that was being sent at that
// time is excused.
func (a *auditor) overtakenMails() {
	canceled := map[string]agreement{} // by plan
	for _, g := range a.Agreements {
		p := a.planByRef[g.Order.Reference]
		if p != nil && g.Order.Stop.Kind == stopCancel && !g.Stopped.Acknowledged.IsZero() && !a.forgotten(g) {
			canceled[p.ID] = g
		}
	}
	kinds := map[string]notice{}
	for _, n := range a.Notices {
		kinds[n.Message] = n
	}
	for _, m := range a.Mail.Letters {
		n := kinds[m.MessageID]
		g, ok := canceled[n.Plan]
		if !ok || !chases(n.Kind) || !m.Arrived.After(g.Stopped.Acknowledged.Add(a.InFlight)) {
			continue
		}
		a.add(kindWrong, "the %s mail of %s arrived at %s, and its plan was canceled at %s", n.Kind, g.Order.Reference,
			m.Arrived.UTC(), g.Stopped.Acknowledged.UTC())
	}
}

// chases reports whether a kind of notice asks for money or announces a charge.
func chases(kind string) bool {
	switch kind {
	case noticeFailed, noticeAction, noticeFinal, noticeUpcoming:
		return true
	}
	return false
}
