package billing_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
)

func TestAuditEntryBy(t *testing.T) {
	key := billing.Party{Actor: "key:1", Name: "Ada"}
	event := billing.Party{Actor: "event:evt_1"}
	link := billing.Party{Actor: "link:lnk_1"}
	for name, c := range map[string]struct {
		named billing.Actor
		by    billing.Party
		want  billing.Party
	}{
		"no actor named":               {"", key, key},
		"Stripe by its event":          {billing.ActorStripe, event, event},
		"Stripe by its answer":         {billing.ActorStripe, billing.Party{Actor: "worker:a"}, billing.Party{Actor: "stripe"}},
		"the customer by a link":       {billing.ActorCustomer, link, link},
		"the customer by an event":     {billing.ActorCustomer, event, billing.Party{Actor: "customer:cust_1"}},
		"an actor of another machine":  {"worker:b", event, billing.Party{Actor: "worker:b"}},
		"no entry point names a party": {"", billing.PartyOf(context.Background()), billing.Party{Actor: billing.ActorUnknown}},
	} {
		got := billing.AuditEntry{Actor: c.named, CustomerID: "cust_1"}.By(c.by)
		require.Equal(t, c.want, got.Party(), name)
	}
}

func TestNewActor_IsOneWord(t *testing.T) {
	require.Equal(t, billing.Actor("cli:ada_b@ops_1_"), billing.NewActor(billing.ActorCommand, "ada b@ops\t1\u202e"))
	require.Equal(t, billing.Actor("worker"), billing.NewActor(billing.ActorWorker, ""))
	require.Equal(t, billing.ActorCommand, billing.Actor("cli:a:b@c").Kind())
	require.Equal(t, "key:1 (Ada)", billing.Party{Actor: "key:1", Name: "Ada"}.String())
}
