package config

import (
	"slices"
	"strings"
)

func lowered(names []string) []string {
	lower := make([]string, len(names))
	for i, n := range names {
		lower[i] = strings.ToLower(n)
	}
	return lower
}

// refuseUnknown adds a fault for every name that is not a setting, with the most similar setting.
// If a misspelled option were ignored, it would be noticed only when money is late.
func refuseUnknown(names, known []string, faults *Error) {
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains(known, name) {
			faults.add(name, "is not a setting", "did you mean "+nearest(name, known)+"?")
		}
	}
}

// nearest returns the candidate with the smallest edit distance, ignoring case.
func nearest(name string, candidates []string) string {
	best, fewest := "", 0
	for _, c := range candidates {
		if d := edits(strings.ToLower(name), strings.ToLower(c)); best == "" || d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance: the number of characters to add, remove or replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
