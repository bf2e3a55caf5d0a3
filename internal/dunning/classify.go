package dunning

import (
	"time"

	"tranche/internal/billing"
)

// Verdict is the classification of one failure, from the table and the issuer's advice.
type Verdict struct {
	Row
	// RetryAfter is the time from the decline at which the network advises to retry; 0 if it named
	// none.
	RetryAfter time.Duration
	// Because is the advice that changed the classification, or empty.
	Because string
}

// Classify returns the row of a failure after the issuer's and the network's advice. brand is the
// card's, as Stripe spells it. An unknown code is treated as a generic decline.
func Classify(f billing.Failure, brand string) Verdict {
	return advised(Verdict{Row: rowOf(f)}, f, brand)
}

// advised applies the issuer's and the network's advice. It changes only declines that time might
// have fixed. A decline that waits for the customer, or must never be tried again, stays as it is.
func advised(v Verdict, f billing.Failure, brand string) Verdict {
	if !v.Class.Timed() || v.Class == ClassOperator {
		return v
	}
	for _, a := range StripeAdvice() {
		if a.Code == f.AdviceCode && a.Class != "" {
			v.become(a.Class, "the issuer advises: "+a.Means)
		}
	}
	if d := visaDeclines[f.NetworkDeclineCode]; d.Category == visaNever && brand == brandVisa {
		v.become(ClassNewCard, "Visa forbids another attempt after "+f.NetworkDeclineCode+" ("+d.Means+")")
	}
	a := merchantAdvice[f.NetworkAdviceCode] // the zero advice changes nothing
	switch {
	case a.Class != "":
		v.become(a.Class, "the network advises: "+a.Means)
	case a.After > 0 && v.Class.Timed():
		v.RetryAfter, v.Because = a.After, "the network advises: "+a.Means
	}
	return v
}

// become changes the class. The customer learns no more than before.
func (v *Verdict) become(c Class, because string) {
	v.Class, v.Because, v.Wait, v.RetryAfter = c, because, 0, 0
}

// rowOf uses the most reliable information: a block by Radar, the decline code, then the error code
// (some declines have only that).
func rowOf(f billing.Failure) Row {
	if f.Blocked {
		return table[CodeBlocked]
	}
	for _, code := range []string{f.DeclineCode, f.Code} {
		if row, ok := table[code]; ok {
			return row
		}
	}
	return table[codeUnknown]
}
