package stripegw

import (
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/clock"
)

// Observer receives the real duration of each call and the kind of its failure; kind is empty for a
// successful call. It must not block.
type Observer func(operation string, kind billing.GatewayKind, took time.Duration)

// observed reports a call that started at begun to the observer.
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

// operation returns the type of a call without its object: "confirm PaymentIntent pi_1" becomes
// "confirm PaymentIntent".
func operation(op string) string {
	words := strings.Fields(op)
	for _, aside := range []string{"of", "the"} {
		words = slices.DeleteFunc(words, func(w string) bool { return w == aside })
	}
	return strings.Join(words[:min(2, len(words))], " ")
}
