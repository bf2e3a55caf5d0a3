package notify_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/notify"
)

// TestDescription_EveryKindAndLanguage expects the plan's description next to its reference.
func TestDescription_EveryKindAndLanguage(t *testing.T) {
	t.Parallel()
	for _, lang := range []string{"en-GB", "de-DE", "fr-FR", "es-ES", "it-IT", "pt-BR", "nl-NL", "ja-JP"} {
		for _, kind := range billing.NoticeKinds() {
			n := notify.Sample(kind, lang, sampled)
			n.Data.Description = "Oak <table>"
			mail, err := notify.Render(n, page())
			require.NoError(t, err)
			require.Contains(t, mail.Text, "Oak <table> (order-1042)", "%s %s", lang, kind)
			require.Contains(t, mail.HTML, "Oak &lt;table&gt; (order-1042)", "%s %s", lang, kind)
		}
	}
}
