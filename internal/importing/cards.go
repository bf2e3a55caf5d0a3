package importing

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

// Cards looks up a card at Stripe. Errors: billing.ErrNotFound.
type Cards interface {
	PaymentMethod(ctx context.Context, id string) (billing.PaymentMethod, error)
}

// lookups is how many cards are looked up at once; the gateway keeps within Stripe's limits.
const lookups = 8

// verdict is the result of looking up a card at Stripe.
type verdict struct {
	card  billing.PaymentMethod
	known bool
}

// named is a card, with the connected account that it is saved in.
type named struct{ account, card string }

func (l Line) named() named { return named{l.Account, l.Card} }

// inAccount returns text that names the line's connected account; "" for the platform's own
// account.
func (l Line) inAccount() string {
	if l.Account == "" {
		return ""
	}
	return " in " + l.Account
}

// verify looks up the cards of a batch that were not looked up before. Errors:
// billing.ErrUnavailable, *billing.GatewayError.
func (im *Importer) verify(ctx context.Context, batch []numbered) error {
	if im.Cards == nil {
		return nil
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	asked := map[named]bool{}
	for _, n := range batch {
		if _, ok := im.verified[n.named()]; ok || asked[n.named()] || len(n.bad) > 0 || n.Card == "" {
			continue
		}
		asked[n.named()] = true
	}
	for one := range asked {
		group.Go(func() error {
			pm, err := im.Cards.PaymentMethod(billing.OnAccount(ctx, one.account), one.card)
			if err != nil && !errors.Is(err, billing.ErrNotFound) && !billing.NoAccess(err, one.account) {
				return fmt.Errorf("look up %s: %w", one.card, err)
			}
			mu.Lock()
			defer mu.Unlock()
			im.verified[one] = verdict{card: pm, known: err == nil}
			return nil
		})
	}
	return group.Wait()
}

// cardFaults returns the differences between Stripe's card and the line's.
func (im *Importer) cardFaults(l Line, now billing.Card) []billing.FieldError {
	if im.Cards == nil {
		return nil
	}
	v := im.verified[l.named()]
	switch {
	case !v.known:
		return []billing.FieldError{fault("card", "Stripe has no PaymentMethod %s%s", l.Card, l.inAccount())}
	case v.card.Type != "" && v.card.Type != "card":
		return []billing.FieldError{fault("card", "%s is a %s, not a card", l.Card, v.card.Type)}
	case v.card.Customer != l.Customer.StripeCustomer:
		return []billing.FieldError{fault("card", "%s is not attached to %s at Stripe", l.Card, l.Customer.StripeCustomer)}
	case now.Expired(now.CreatedAt):
		return []billing.FieldError{fault("card", "it expired in %02d/%d", now.ExpMonth, now.ExpYear)}
	}
	return nil
}
