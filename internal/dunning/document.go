package dunning

import (
	"fmt"
	"io"
	"strings"

	"tranche/internal/billing"
)

// Line is a row of the table as people and programs see it.
type Line struct {
	Code           string             `json:"code"`
	Class          Class              `json:"class"`
	Action         Action             `json:"action"`
	CustomerNotice billing.NoticeKind `json:"customer_notice,omitempty"` // empty: the customer gets no notice
	CustomerReason billing.Reason     `json:"customer_reason,omitempty"` // the key of the text; empty: the customer gets no notice
	ReasonShown    bool               `json:"reason_shown"`              // whether the customer may see the true reason
	Merchant       string             `json:"merchant"`                  // the reason shown to the merchant
}

// Lines returns the whole table.
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

// Document writes the table, the advice and the caps as Markdown: docs/declines.md.
func Document(w io.Writer) {
	fmt.Fprint(w, `# What follows a decline

Written by `+"`tranche dunning table --markdown`"+`; a test checks it. A decline is looked up by its decline code, or by its error code if it has none.
An unknown code is treated as `+"`generic_decline`"+`. The customer sees the reason only where it may be shown: fraud, and cards
reported lost or stolen, look like any other decline.

| action | what happens |
|---|---|
`)
	for _, a := range []Action{ActionRetry, ActionAuthenticate, ActionAskForCard, ActionStopCard, ActionStopPlan, ActionMerchant} {
		fmt.Fprintf(w, "| `%s` | %s |\n", a, actionText(a))
	}
	fmt.Fprint(w, "\n## Codes\n\n| code | class | action | customer notice | reason shown | merchant sees |\n|---|---|---|---|---|---|\n")
	for _, l := range Lines() {
		notice := "nothing"
		if l.CustomerNotice != "" {
			notice = "`" + string(l.CustomerNotice) + "`: `" + string(l.CustomerReason) + "`"
		}
		fmt.Fprintf(w, "| `%s` | `%s` | `%s` | %s | %s | %s |\n", l.Code, l.Class, l.Action, notice, yesNo(l.ReasonShown), l.Merchant)
	}
	documentAdvice(w)
	documentCaps(w)
}

func actionText(a Action) string {
	switch a {
	case ActionRetry:
		return "The same card is tried again on the policy's days; the customer gets a notice of each failure."
	case ActionAuthenticate:
		return "The customer is asked once to authenticate the same card. No timed retry; a reminder and a final notice before the deadline."
	case ActionAskForCard:
		return "The customer is asked for another card. No timed retry; reminder and final notice as above."
	case ActionStopCard:
		return "The card is never charged again, for any plan; the customer is asked for another."
	case ActionStopPlan:
		return "As above, and the plan is paused: the customer withdrew consent."
	default:
		return "Only the merchant can fix it. Tried again on the policy's days. The customer gets no notice, the deadline is suspended, and the alarm `charges_refused` stays until it is fixed."
	}
}

func documentAdvice(w io.Writer) {
	fmt.Fprint(w, `
## Advice

Advice changes only declines that time might have fixed (action `+"`retry`"+`). If the network names a time, the next retry is made at that time, outside the quiet hours.

| field | value | means | becomes | tried again after |
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

Off-session declines are counted by the card's fingerprint, amount and currency, across all plans and customers. First attempts and retries
count together. An attempt beyond a cap is deferred to the time at which the window allows it. A retry that would come after the policy's
deadline ends; for a first attempt the customer is asked for another card, once for each plan.

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
		return "unchanged"
	}
	return "`" + string(c) + "`"
}

func waitText(a Advice) string {
	if a.After == 0 {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(a.After.String(), "0s"), "0m")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
