package dunning

import (
	"fmt"
	"io"
	"strings"

	"tranche/internal/billing"
)

// Line is a row of the table as it is shown to people and programs.
type Line struct {
	Code           string             `json:"code"`
	Class          Class              `json:"class"`
	Action         Action             `json:"action"`
	CustomerNotice billing.NoticeKind `json:"customer_notice,omitempty"` // empty: the customer is not told
	CustomerReason billing.Reason     `json:"customer_reason,omitempty"` // the key of the words; empty: the customer is not told
	ReasonShown    bool               `json:"reason_shown"`              // whether the true reason may be shown to the customer
	Merchant       string             `json:"merchant"`                  // what the merchant is told
}

// Lines is the whole table.
func Lines() []Line {
	rows := Table()
	lines := make([]Line, len(rows))
	for i, r := range rows {
		lines[i] = Line{
			Code: r.Code, Class: r.Class, Action: r.Class.Action(), CustomerNotice: r.Class.Notice(), ReasonShown: r.MayBeShown(), Merchant: r.Merchant,
		}
		if lines[i].CustomerNotice != "" {
			lines[i].CustomerReason = r.Reason
		}
	}
	return lines
}

// Document writes everything the decisions go by as Markdown; docs/declines.md is what it writes.
func Document(w io.Writer) {
	fmt.Fprint(w, `# What follows a decline

Written by `+"`tranche dunning table --markdown`"+`; a test holds it. A decline is looked up by its decline code, else by its error code.
A code that is not here is taken for `+"`generic_decline`"+`. The customer is told a reason only where it may be shown: fraud, and cards
reported lost or stolen, look like any other decline.

| action | what happens |
|---|---|
`)
	for _, a := range []Action{ActionRetry, ActionAuthenticate, ActionAskForCard, ActionStopCard, ActionStopPlan, ActionMerchant} {
		fmt.Fprintf(w, "| `%s` | %s |\n", a, actionText(a))
	}
	fmt.Fprint(w, "\n## Codes\n\n| code | class | action | customer is told | reason shown | merchant is told |\n|---|---|---|---|---|---|\n")
	for _, l := range Lines() {
		told := "nothing"
		if l.CustomerNotice != "" {
			told = "`" + string(l.CustomerNotice) + "`: `" + string(l.CustomerReason) + "`"
		}
		fmt.Fprintf(w, "| `%s` | `%s` | `%s` | %s | %s | %s |\n", l.Code, l.Class, l.Action, told, yesNo(l.ReasonShown), l.Merchant)
	}
	documentAdvice(w)
	documentCaps(w)
}

func actionText(a Action) string {
	switch a {
	case ActionRetry:
		return "The same card is tried again on the policy's days; the customer is told of each failure."
	case ActionAuthenticate:
		return "The customer is asked once to authenticate the same card. No timed retry; a reminder and a final notice before the deadline."
	case ActionAskForCard:
		return "The customer is asked for another card. No timed retry; reminder and final notice as above."
	case ActionStopCard:
		return "The card is never charged again, for any plan; the customer is asked for another."
	case ActionStopPlan:
		return "As above, and the plan is paused: the customer withdrew consent."
	default:
		return "The merchant is to mend it. Tried again on the policy's days; the customer is told nothing."
	}
}

func documentAdvice(w io.Writer) {
	fmt.Fprint(w, `
## Advice

Advice changes declines that time might have put right (action `+"`retry`"+`), and no others. With advice to wait, the next retry is not before that.

| field | value | means | becomes | least wait |
|---|---|---|---|---|
`)
	for _, a := range StripeAdvice() {
		fmt.Fprintf(w, "| `advice_code` | `%s` | %s | %s | %s |\n", a.Code, a.Means, becomes(a.Class), waitText(a))
	}
	for _, a := range NetworkAdvice() {
		fmt.Fprintf(w, "| `network_advice_code` | `%s` | %s | %s | %s |\n", a.Code, a.Means, becomes(a.Class), waitText(a))
	}
	for _, d := range VisaDeclines() {
		c := Class("")
		if d.Category == visaNever {
			c = ClassNewCard
		}
		fmt.Fprintf(w, "| `network_decline_code` (Visa) | `%s` | %s (category %d) | %s | |\n", d.Code, d.Means, d.Category, becomes(c))
	}
}

func documentCaps(w io.Writer) {
	fmt.Fprint(w, `
## The networks' caps

Declines of off-session attempts are counted by the card's fingerprint, over all plans and customers. A retry beyond a cap is put off to
when the window allows it, or ended where that is beyond the policy's deadline. The first attempt at a charge is no retry.

| network | declines | within | source |
|---|---:|---|---|
`)
	for _, c := range Caps() {
		network := c.Network
		if network == "" {
			network = "all others"
		}
		fmt.Fprintf(w, "| %s | %d | %s | %s |\n", network, c.Most, windowText(c.Window), c.Source)
	}
	fmt.Fprintf(w, "\nA policy makes at most %d attempts at one charge, as Stripe advises.\n", StripesMaxRetries)
}

func becomes(c Class) string {
	if c == "" {
		return "as it was"
	}
	return "`" + string(c) + "`"
}

func waitText(a Advice) string {
	if a.Wait == 0 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(a.Wait.String(), "0s"), "0m")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
