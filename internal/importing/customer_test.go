package importing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/store/storetest"
)

const (
	customerHeader = "reference,kind,currency,charges,customer,email,name,locale,timezone,stripe_customer,card,card_brand,card_last4,card_exp\n"
	knownCustomer  = "ada@example.com,Ada,en-GB,Europe/London"
)

// customerLine returns a line with a plan of the customer ada and this customer data.
func customerLine(reference, data string) string {
	return reference + ",deferred,usd,500 2026-03-01,ada," + data + ",cus_a,pm_a,visa,4242,01/2030\n"
}

// differentData returns, by field name, another value for that field of the known customer.
var differentData = map[string]string{
	"email": "eve@example.com,,,", "name": ",Eve,,", "locale": ",,de-DE,", "timezone": ",,,Europe/Berlin",
}

// TestImport_KnownCustomer requires that other data of a known customer is a fault, which names the
// field and changes nothing. Data that is left out, or is the same as the stored data, is no fault.
func TestImport_KnownCustomer(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		var faults []string
		run(t, s, options(&faults), customerHeader+customerLine("a", knownCustomer)+customerLine("b", knownCustomer)+customerLine("c", ",,,"))
		require.Empty(t, faults)
		stored := details(t, s, "a").Customer
		require.Equal(t, stored, details(t, s, "c").Customer)
		for field, data := range differentData {
			faults = nil
			_, done := run(t, s, options(&faults), customerHeader+customerLine("d", data))
			require.Len(t, faults, 1, field)
			require.True(t, strings.HasPrefix(faults[0], "2 customer."+field+": differs from the stored data of customer ada: leave it out, or change it first"), faults[0])
			require.EqualValues(t, 1, done.Bad)
			_, err := s.PlanByReference(t.Context(), "d")
			require.ErrorIs(t, err, billing.ErrNotFound)
			require.Equal(t, stored, details(t, s, "a").Customer)
		}
		trail, err := s.AuditTrail(t.Context(), billing.AuditFilter{})
		require.NoError(t, err)
		for _, e := range trail {
			require.Equal(t, "plan.imported", e.Action)
		}
	})
}

// TestImport_CustomerDiffersWithinTheFile has two lines of one file contradict each other about a
// new customer. The check reports the second line, however far apart they are.
func TestImport_CustomerDiffersWithinTheFile(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, s billing.Store) {
		for n, between := range []int{0, 499, 1200} { // five hundred lines are one transaction
			reference := fmt.Sprintf("order-%d-", n)
			customer := func(line string) string { return strings.ReplaceAll(line, "ada,", fmt.Sprintf("ada-%d,", n)) }
			card := func(line string) string { return strings.ReplaceAll(line, "pm_a", fmt.Sprintf("pm_a%d", n)) }
			var file strings.Builder
			file.WriteString(customerHeader + card(customer(customerLine(reference+"first", knownCustomer))))
			for i := range between {
				file.WriteString(card(customer(customerLine(fmt.Sprint(reference, i), ",,,"))))
			}
			file.WriteString(card(customer(customerLine(reference+"last", differentData["email"]))))
			var faults []string
			checked, done := run(t, s, options(&faults), file.String())
			require.Len(t, faults, 1)
			require.Contains(t, faults[0], fmt.Sprint(between+3, " customer.email: differs"))
			require.Equal(t, []int64{1, int64(between + 1)}, []int64{checked.Bad, checked.New})
			require.Equal(t, checked, done)
			require.Equal(t, "ada@example.com", details(t, s, reference+"first").Customer.Email)
		}
	})
}
