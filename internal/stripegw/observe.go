package stripegw

import (
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Observer is told how long each call took in real time, and how it failed; kind is empty for one
// that brought what was asked for. It must not block.
type Observer func(operation string, kind billing.GatewayKind, took time.Duration)

// observed tells of a call that began at begun.
func (g *Gateway) observed(op string, begun time.Time, failed *billing.GatewayError) {
	if g.observe == nil {
		return
	}
	kind := billing.GatewayKind("")
	if failed != nil {
		kind = failed.Kind
	}
	g.observe(operation(op), kind, clock.Clock{}.Wall().Sub(begun))
}

// operation is what was being done, without what it was done to: "confirm PaymentIntent pi_1" is
// "confirm PaymentIntent".
func operation(op string) string {
	words := strings.Fields(op)
	for _, aside := range []string{"of", "the"} {
		words = slices.DeleteFunc(words, func(w string) bool { return w == aside })
	}
	return strings.Join(words[:min(2, len(words))], " ")
}
