package plaintext_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/plaintext"
	"tranche/internal/testenv"
)

func TestLineProblem(t *testing.T) {
	for _, good := range []string{"", "Ada", "Zoë Müller", "山田太郎", "مريم", "👩‍👩‍👧", "a\u00a0b", "\uFFFD", "\u200f"} {
		require.Empty(t, plaintext.LineProblem(good), "%q", good)
	}
	for _, bad := range []string{
		"\x00", "a\x00b", "\xff", "caf\xc3", "\x1b[2J", "\x7f", "\u0080", "\u009b2J", "\u009f", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "a\nb", "a\tb", "a\rb",
	} {
		require.NotEmpty(t, plaintext.LineProblem(bad), "%q", bad)
		require.Empty(t, plaintext.Problem(plaintext.Clean(bad)), "%q", bad)
		require.Empty(t, plaintext.LineProblem(plaintext.CleanLine(bad, 10)), "%q", bad)
	}
	require.Empty(t, plaintext.Problem("two\nlines\r\nand\ta tab"))
	require.NotEmpty(t, plaintext.Problem("over\rwritten"))
}

func TestClean_KeepsWhatIsText(t *testing.T) {
	for dirty, clean := range map[string]string{
		"Ada": "Ada", "a\x00b": "ab", "Ger\xe4t": "Ger\uFFFDt", "\u009b2J\u009d0;pwn\u009c\u202eevil": " 2J 0;pwn evil", "a\u2028b": "a b", "a\nb": "a\nb", "a\r\nb": "a\r\nb",
	} {
		require.Equal(t, clean, plaintext.Clean(dirty))
	}
	require.Equal(t, "a b", plaintext.CleanLine(" a\r\n\tb\x00 ", 300))
	require.Equal(t, "éé…", plaintext.CleanLine("éééé", 3))
}

func TestJSONFaults_NamesThePath(t *testing.T) {
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
		faults := plaintext.JSONFaults([]byte(doc))
		require.Len(t, faults, 1, doc)
		require.Equal(t, want, faults[0].Field, doc)
		require.NotEmpty(t, faults[0].Message)
	}
	require.Empty(t, plaintext.JSONFaults([]byte(`{"a": "b", "note": "two\nlines", "c": [null, true, -1e9, {}, [], "\ufffd\uFFFD�"], "emoji": "\ud83d\ude00"}`)))
	require.Len(t, plaintext.JSONFaults([]byte("["+strings.Repeat(`"\u0000",`, 99)+`""]`)), 20)
}

// FuzzJSONFaults: a document without fault holds texts alone, and a cleaned one is without fault.
func FuzzJSONFaults(f *testing.F) {
	for seed := range uint64(200) {
		f.Add([]byte(testenv.Hostile(rand.New(rand.NewPCG(seed, 1)), `{"reference": "o", "customer": {"name": "Ada", "tags": ["a", 1]}, "charges": [{"due": "x"}]}`)))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		faults := plaintext.JSONFaults(doc)
		for _, fault := range faults {
			require.Empty(t, plaintext.LineProblem(fault.Field), "%q", fault.Field)
		}
		if !json.Valid(doc) {
			return
		}
		var v any
		if json.Unmarshal(doc, &v) == nil && len(faults) == 0 {
			requireTexts(t, v)
		}
		clean := plaintext.CleanJSON(doc)
		require.Empty(t, plaintext.JSONFaults(clean), "%q", clean)
		require.True(t, json.Valid(clean), "%q", clean)
		if json.Unmarshal(clean, &v) == nil {
			requireTexts(t, v)
		}
		require.Equal(t, string(clean), string(plaintext.CleanJSON(clean)))
	})
}

func requireTexts(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		require.Empty(t, plaintext.Problem(v), "%q", v)
	case []any:
		for _, e := range v {
			requireTexts(t, e)
		}
	case map[string]any:
		for k, e := range v {
			require.Empty(t, plaintext.Problem(k), "%q", k)
			requireTexts(t, e)
		}
	}
}
