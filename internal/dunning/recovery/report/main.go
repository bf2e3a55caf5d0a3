// Command report prints what the default dunning policy is worth in the model of package recovery, as docs/recovery-report.md
// shows it: make recovery-report.
package main

import (
	"flag"
	"fmt"
	"os"

	"tranche/internal/dunning/recovery"
)

func main() {
	first := flag.Uint64("seed", recovery.FirstSeed, "the first seed")
	years := flag.Int("years", recovery.Years, "how many years, each with the next seed")
	flag.Parse()
	var all [][]recovery.Result
	for i := range *years {
		all = append(all, recovery.Compare(recovery.Standard(*first+uint64(i))))
	}
	fmt.Fprintf(os.Stdout, "%d customers, years: %d, first seed: %d\n\n", recovery.Standard(*first).Customers, *years, *first)
	recovery.Markdown(os.Stdout, recovery.Sum(all))
}
