// Command report prints how well the default dunning policy does in the model of package
// simulation, as docs/recovery-report.md shows it: make recovery-report.
package main

import (
	"flag"
	"fmt"
	"os"

	"tranche/internal/dunning/simulation"
)

func main() {
	first := flag.Uint64("seed", simulation.FirstSeed, "the first seed")
	years := flag.Int("years", simulation.Years, "how many years, each with the next seed")
	flag.Parse()
	var all [][]simulation.Result
	for i := range *years {
		all = append(all, simulation.Compare(simulation.Standard(*first+uint64(i))))
	}
	fmt.Fprintf(os.Stdout, "%d customers, years: %d, first seed: %d\n\n", simulation.Standard(*first).Customers, *years, *first)
	simulation.Markdown(os.Stdout, simulation.Sum(all))
}
