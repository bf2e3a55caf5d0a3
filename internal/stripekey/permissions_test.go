package stripekey_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/stripekey"
)

// TestPermissions_Documents requires that SECURITY.md contains the list, and that README.md points
// there and has no list of its own.
func TestPermissions_Documents(t *testing.T) {
	t.Parallel()
	security, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(security), "## The restricted Stripe key\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	require.Contains(t, section, "\n"+stripekey.Markdown()+"\n", "write this table into SECURITY.md")
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "(SECURITY.md#the-restricted-stripe-key)")
	require.NotRegexp(t, `(?i)restricted[^\n]*(PaymentIntents|Refunds|Disputes)`, string(readme))
}

func TestForRefusal(t *testing.T) {
	t.Parallel()
	const text = "The provided key 'rk_test_*********1234' does not have the required permissions for this endpoint on account 'acct_1'. " +
		"Having the 'rak_NAME' permission would allow this request to continue."
	for name, want := range map[string]string{
		"payment_intent_write": "PaymentIntents: Write", "setup_intent_write": "SetupIntents: Write", "charge_read": "Charges and Refunds: Write",
		"refund_write": "Charges and Refunds: Write", "webhook_read": "Webhook Endpoints: Read", "accounts_kyc_id_numbers_read": "",
	} {
		p, access, ok := stripekey.ForRefusal(strings.Replace(text, "NAME", name, 1))
		require.Equal(t, want != "", ok, name)
		if ok {
			require.Equal(t, want, p.String())
			require.Equal(t, strings.HasSuffix(name, "write"), access == stripekey.Write)
		}
	}
	_, _, ok := stripekey.ForRefusal("No such customer")
	require.False(t, ok)
}

func TestForPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/payment_intents/pi_1/confirm": "PaymentIntents: Write", "/v1/refunds": "Charges and Refunds: Write", "/v1/disputes": "Disputes: Read",
		"/v1/account": "", "/v1/payment": "",
	} {
		p, ok := stripekey.ForPath(path)
		require.Equal(t, want != "", ok, path)
		if ok {
			require.Equal(t, want, p.String())
		}
	}
}
