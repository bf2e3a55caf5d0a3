package main

import (
	"io"
	"text/tabwriter"

	"tranche/internal/plaintext"
)

// table prints rows in columns.
type table struct{ rows [][]string }

func newTable(header ...string) *table { return &table{rows: [][]string{header}} }

// add appends a row. Each cell becomes one line without control characters, because its text may
// come from outside.
func (t *table) add(cells ...string) {
	for i, cell := range cells {
		if plaintext.LineProblem(cell) != "" {
			cells[i] = plaintext.CleanLine(cell, len(cell))
		}
	}
	t.rows = append(t.rows, cells)
}

// print prints the table. A write error leaves the table incomplete.
func (t *table) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, row := range t.rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = io.WriteString(tw, "\t")
			}
			_, _ = io.WriteString(tw, cell)
		}
		_, _ = io.WriteString(tw, "\n")
	}
	_ = tw.Flush()
}
