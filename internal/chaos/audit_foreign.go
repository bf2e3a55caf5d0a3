package main

// foreignAccount finds objects in a Stripe account that the database does not belong to.
func (a *auditor) foreignAccount() {
	for _, pi := range a.Foreign.PaymentIntents {
		a.add(kindWrong, "%s was made in an account that the database does not belong to", pi.ID)
	}
	for _, c := range a.Foreign.Customers {
		a.add(kindWrong, "customer %s was made in an account that the database does not belong to", c.ID)
	}
}
