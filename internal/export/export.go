// Package export writes the database's tables as CSV or JSON lines. Tables lists the tables, and
// the columns that are withheld; docs/export.md describes them for users.
package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"tranche/internal/billing"
)

// Format is how an export is written.
type Format string

// The formats.
const (
	CSV   Format = "csv"   // a header and one line a row
	JSONL Format = "jsonl" // one JSON object a line
)

// Known reports whether the format exists.
func (f Format) Known() bool { return f == CSV || f == JSONL }

// MediaType returns the format's media type for HTTP.
func (f Format) MediaType() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl"
}

// progressEvery is how many rows are written between two reports of progress.
const progressEvery = 1000

// Write writes the rows of a table to w and returns their number. Rows are written as they are
// read, so memory use does not grow with their number. progress is called from time to time with
// the number of rows so far; it may be nil.
//
// In CSV, amounts are whole minor units, times RFC 3339 in UTC, documents JSON, and missing values
// empty. Text that a spreadsheet would take for a formula is written with an apostrophe before it:
// see Guard.
func Write(ctx context.Context, from billing.Exporter, t billing.ExportTable, since time.Time, f Format, w io.Writer, progress func(rows int64)) (int64, error) {
	buffered := bufio.NewWriterSize(w, 64<<10)
	line := jsonLines(t, buffered)
	if f == CSV {
		records := csv.NewWriter(buffered)
		line = csvLines(records)
		header := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			header[i] = c.Name
		}
		if err := records.Write(header); err != nil {
			return 0, err
		}
		defer records.Flush()
	}
	var rows int64
	err := from.Export(ctx, t, since, func(values []any) error {
		if err := line(values); err != nil {
			return fmt.Errorf("write %s: %w", t.Name, err)
		}
		if rows++; progress != nil && rows%progressEvery == 0 {
			progress(rows)
		}
		return nil
	})
	if err != nil {
		return rows, err
	}
	return rows, buffered.Flush()
}

func csvLines(w *csv.Writer) func([]any) error {
	var record []string
	return func(values []any) error {
		record = record[:0]
		for _, v := range values {
			record = append(record, cell(v))
		}
		if err := w.Write(record); err != nil {
			return err
		}
		w.Flush() // to the buffer, not to the disk
		return w.Error()
	}
}

// cell formats a value for CSV.
func cell(v any) string {
	switch v := v.(type) {
	case string:
		return Guard(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case json.RawMessage:
		return string(v)
	}
	return ""
}

// Guard puts an apostrophe before text that a spreadsheet would take for a formula, and before text
// that begins with an apostrophe, so that Unguard restores every text. Source:
// owasp.org/www-community/attacks/CSV_Injection.
func Guard(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	switch first {
	case '=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠':
		return "'" + s
	}
	return s
}

// Unguard removes the apostrophe that Guard added.
func Unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && Guard(s[1:]) != s[1:] {
		return s[1:]
	}
	return s
}

func jsonLines(t billing.ExportTable, w *bufio.Writer) func([]any) error {
	var line, compact bytes.Buffer
	return func(values []any) error {
		line.Reset()
		for i, v := range values {
			line.WriteByte("{,"[min(i, 1)])
			line.WriteString(strconv.Quote(t.Columns[i].Name))
			line.WriteByte(':')
			value, err := json.Marshal(v)
			if err != nil { // a body from Stripe that is not JSON is written as text
				value, err = json.Marshal(fmt.Sprintf("%s", v))
			}
			if err != nil {
				return err
			}
			compact.Reset()
			if err := json.Compact(&compact, value); err != nil {
				return err
			}
			line.Write(compact.Bytes())
		}
		line.WriteString("}\n")
		_, err := w.Write(line.Bytes())
		return err
	}
}
