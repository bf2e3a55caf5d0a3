package billing_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/testenv"
)

func TestLineProblem(t *testing.T) {
	for _, good := range []string{"", "Ada", "Zoë Müller", "山田太郎", "مريم", "👩‍👩‍👧", "a\u00a0b", "\uFFFD", "\u200f"} {
		require.Empty(t, billing.LineProblem(good), "%q", good)
	}
	for _, bad := range []string{
		"\x00", "a\x00b", "\xff", "caf\xc3", "\x1b[2J", "\x7f", "\u0080", "\u009b2J", "\u009f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "a\nb", "a\tb", "a\rb",
	} {
		require.NotEmpty(t, billing.LineProblem(bad), "%q", bad)
		require.Empty(t, billing.TextProblem(billing.CleanText(bad)), "%q", bad)
		require.Empty(t, billing.LineProblem(billing.CleanLine(bad, 10)), "%q", bad)
	}
	require.Empty(t, billing.TextProblem("two\nlines\r\nand\ta tab"))
	require.NotEmpty(t, billing.TextProblem("over\rwritten"))
}

func TestCleanText_KeepsWhatIsText(t *testing.T) {
	for dirty, clean := range map[string]string{
		"Ada": "Ada", "a\x00b": "ab", "Ger\xe4t": "Ger\uFFFDt", "\u009b2J\u009d0;pwn\u009c\u202eevil": " 2J 0;pwn evil", "a\u2028b": "a b", "a\nb": "a\nb", "a\r\nb": "a\r\nb",
	} {
		require.Equal(t, clean, billing.CleanText(dirty))
	}
	require.Equal(t, "a b", billing.CleanLine(" a\r\n\tb\x00 ", 300))
	require.Equal(t, "éé…", billing.CleanLine("éééé", 3))
}

func TestTextFaults_NamesThePath(t *testing.T) {
	for doc, want := range map[string]string{
		`{"reference": "\u0000"}`:                                     "reference",
		`{"a": 1, "customer": {"name": "ok", "reference": "\u009b"}}`: "customer.reference",
		`{"charges": [{"due": "x"}, {"due": "\u202e"}]}`:              "charges[1].due",
		`{"list": [1, [2, "\u0000"]], "b": "c"}`:                      "list[1][1]",
		"{\"note\": \"caf\xc3\"}":                                     "note",
		`{"note": "\ud800"}`:                                          "note",
		`{"a\u0000": 1}`:                                              `"a"`,
		`{"m": {"\u202e": "x"}}`:                                      `m.""`,
		`"\u0000"`:                                                    "body",
	} {
		faults := billing.TextFaults([]byte(doc))
		require.Len(t, faults, 1, doc)
		require.Equal(t, want, faults[0].Field, doc)
		require.NotEmpty(t, faults[0].Message)
	}
	require.Empty(t, billing.TextFaults([]byte(`{"a": "b", "note": "two\nlines", "c": [null, true, -1e9, {}, [], "\ufffd\uFFFD�"], "emoji": "\ud83d\ude00"}`)))
	require.Len(t, billing.TextFaults([]byte("["+strings.Repeat(`"\u0000",`, 99)+`""]`)), 20)
}

// FuzzTextFaults: a document without fault holds texts alone, and a cleaned one is without fault.
func FuzzTextFaults(f *testing.F) {
	for seed := range uint64(200) {
		f.Add([]byte(testenv.Hostile(rand.New(rand.NewPCG(seed, 1)), `{"reference": "o", "customer": {"name": "Ada", "tags": ["a", 1]}, "charges": [{"due": "x"}]}`)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		faults := billing.TextFaults(doc)
		for _, fault := range faults {
			require.Empty(t, billing.LineProblem(fault.Field), "%q", fault.Field)
		}
		if !json.Valid(doc) {
			return
		}
		var v any
		if json.Unmarshal(doc, &v) == nil && len(faults) == 0 {
			requireTexts(t, v)
		}
		clean := billing.CleanJSON(doc)
		require.Empty(t, billing.TextFaults(clean), "%q", clean)
		require.True(t, json.Valid(clean), "%q", clean)
		if json.Unmarshal(clean, &v) == nil {
			requireTexts(t, v)
		}
		require.Equal(t, string(clean), string(billing.CleanJSON(clean)))
	})
}

func requireTexts(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		require.Empty(t, billing.TextProblem(v), "%q", v)
	case []any:
		for _, e := range v {
			requireTexts(t, e)
		}
	case map[string]any:
		for k, e := range v {
			require.Empty(t, billing.TextProblem(k), "%q", k)
			requireTexts(t, e)
		}
	}
}
