// Package cards keeps customers' saved cards in line with Stripe: it attaches and saves a card that
// the customer gave, makes plans charge it, follows renewals by the card networks, merges
// duplicates, and removes cards at Stripe that were removed here.
package cards
