package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/export"
)

// rows is an exporter that returns fixed rows.
type rows [][]any

// Export passes on every row.
func (r rows) Export(_ context.Context, _ billing.ExportTable, _ time.Time, row func([]any) error) error {
	for _, values := range r {
		if err := row(values); err != nil {
			return err
		}
	}
	return nil
}

var table = billing.ExportTable{Name: "things", Columns: []billing.ExportColumn{
	{Name: "text"}, {Name: "amount", Kind: billing.ExportNumber}, {Name: "at", Kind: billing.ExportTime}, {Name: "paid", Kind: billing.ExportBoolean}, {Name: "terms", Kind: billing.ExportJSON},
}}

var held = rows{
	{"=HYPERLINK(\"http://evil\")", int64(-5), time.Date(2026, 1, 31, 9, 0, 0, 5e6, time.UTC), true, json.RawMessage(`{"a": 1}`)},
	{"a, \"b\"\nc", nil, nil, false, nil},
}

func TestCSV(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n, err := export.Write(t.Context(), held, table, time.Time{}, export.CSV, &out, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	read, err := csv.NewReader(&out).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		{"text", "amount", "at", "paid", "terms"},
		{"'=HYPERLINK(\"http://evil\")", "-5", "2026-01-31T09:00:00.005Z", "true", `{"a": 1}`},
		{"a, \"b\"\nc", "", "", "false", ""},
	}, read)
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := export.Write(t.Context(), held, table, time.Time{}, export.JSONL, &out, nil)
	require.NoError(t, err)
	want := `{"text":"=HYPERLINK(\"http://evil\")","amount":-5,"at":"2026-01-31T09:00:00.005Z","paid":true,"terms":{"a":1}}
{"text":"a, \"b\"\nc","amount":null,"at":null,"paid":false,"terms":null}
`
	require.Equal(t, want, out.String())
}

func TestGuardedTextsComeBack(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "a", "=1", "+1", "-1", "@x", "'", "'=1", "''", "'a", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", "'＝1", "o'neill", "ö"} {
		guarded := export.Guard(s)
		if s != "" {
			first, _ := utf8.DecodeRuneInString(guarded)
			require.NotContains(t, "=+-@\t\r\n＝＋－＠", string(first))
		}
		require.Equal(t, s, export.Unguard(guarded), s)
	}
}
