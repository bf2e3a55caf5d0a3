package importing

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
)

// maxLine is the longest line of JSON: 500 charges fit.
const maxLine = 1 << 20

// Reader reads lines of CSV, or of JSON, which begins with a brace.
type Reader struct {
	next func() (Line, int, error)
}

// lineError is the fault of a line that can't be read. The lines after it can.
type lineError struct{ billing.FieldError }

// Error names the field and the fault.
func (e *lineError) Error() string { return e.Field + ": " + e.Message }

func unreadable(field, format string, args ...any) error {
	return &lineError{billing.FieldError{Field: field, Message: fmt.Sprintf(format, args...)}}
}

// NewReader detects the format of the file, and reads the header of CSV. Errors: the file is empty,
// or the header can't be used.
func NewReader(r io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(r, maxLine)
	if mark, err := in.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3) // a byte order mark, as spreadsheets write it
	}
	first, err := in.Peek(1)
	if err != nil {
		return nil, errors.New("the file is empty")
	}
	if first[0] == '{' {
		return jsonReader(in), nil
	}
	return csvReader(in)
}

func jsonReader(in *bufio.Reader) *Reader {
	number := 0
	return &Reader{next: func() (Line, int, error) {
		for {
			text, err := in.ReadSlice('\n')
			number++
			if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
				return Line{}, number, err
			}
			if text = bytes.TrimSpace(text); len(text) == 0 {
				continue
			}
			if faults := plaintext.JSONFaults(text); len(faults) > 0 {
				return Line{}, number, &lineError{faults[0]}
			}
			var l Line
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&l); err != nil {
				return Line{}, number, jsonFault(err)
			}
			if _, err := dec.Token(); !errors.Is(err, io.EOF) {
				return Line{}, number, unreadable("line", "holds more than one JSON object")
			}
			return l, number, nil
		}
	}}
}

// maxHeader is the longest header: every possible column fits.
const maxHeader = 4 << 10

// delimiter returns the character between cells: comma, semicolon or tab, whichever is most
// frequent in the header. Spreadsheets write semicolons in locales whose decimal separator is a
// comma.
func delimiter(in *bufio.Reader) rune {
	header, _ := in.Peek(maxHeader) // less if the file is shorter
	header, _, _ = bytes.Cut(header, []byte("\n"))
	best := ','
	for _, r := range ";\t" {
		if bytes.Count(header, []byte(string(r))) > bytes.Count(header, []byte(string(best))) {
			best = r
		}
	}
	return best
}

func jsonFault(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return unreadable(wrong.Field, "can't be a %s", wrong.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return unreadable(strings.Trim(name, `"`), "there is no such field")
	}
	return unreadable("line", "is not a JSON object")
}

func csvReader(in *bufio.Reader) (*Reader, error) {
	records := csv.NewReader(in)
	records.ReuseRecord, records.Comma = true, delimiter(in)
	header, err := records.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	header = slices.Clone(header)
	for i, name := range header {
		if csvFields[name] == nil {
			return nil, fmt.Errorf("there is no column %q; docs/import.md lists them", name)
		}
		if slices.Contains(header[:i], name) {
			return nil, fmt.Errorf("column %q is repeated", name)
		}
	}
	return &Reader{next: func() (Line, int, error) {
		record, err := records.Read()
		if errors.Is(err, csv.ErrFieldCount) {
			number, _ := records.FieldPos(0)
			return Line{}, number, unreadable("line", "has %d cells, and the header %d", len(record), len(header))
		}
		if err != nil {
			return Line{}, 0, err
		}
		number, _ := records.FieldPos(0)
		var l Line
		for i, cell := range record {
			if cell == "" {
				continue
			}
			if problem := plaintext.Problem(cell); problem != "" {
				return Line{Reference: plaintext.Clean(l.Reference)}, number, unreadable(header[i], "%s", problem)
			}
			if err := csvFields[header[i]](&l, cell); err != nil {
				return Line{Reference: l.Reference}, number, unreadable(header[i], "%.60q can't be read", cell)
			}
		}
		return l, number, nil
	}}, nil
}
