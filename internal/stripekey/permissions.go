// Package stripekey lists what a restricted Stripe key must be allowed to do. SECURITY.md, `tranche
// doctor`, the simulator's recommended key and the errors of refused calls all follow this list.
package stripekey

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Access is how far a permission goes. Write includes Read.
// Source: docs.stripe.com/keys/restricted-api-keys.
type Access string

const (
	// Read allows GET.
	Read Access = "Read"
	// Write allows POST and DELETE, and GET as well.
	Write Access = "Write"
)

// Probe is a request that shows whether a key has a permission and changes nothing: it lists one
// object, or names an object that does not exist. Stripe checks the key before it looks for the
// object, so a key with the permission gets "no such object", and a key without it gets a 403.
type Probe struct{ Method, Path string }

// Permission is one row of the form for restricted keys in Stripe's dashboard.
type Permission struct {
	Row       string   // the row's name
	Access    Access   // what to choose there
	Resources []string // the parts of paths that it covers, such as payment_intents; the main one first
	Names     []string // Stripe's own names in refusals: rak_NAME_write
	Lost      string   // what fails without it
	Advisory  bool     // whether collecting, refunding and recording work without it
	Probes    []Probe
}

// String names the permission as the dashboard shows it, such as "PaymentIntents: Write".
func (p Permission) String() string { return p.Row + ": " + string(p.Access) }

// Scope names the permission as the simulator's restricted keys do, such as disputes:read.
func (p Permission) Scope() string {
	if p.Access == Read {
		return p.Resources[0] + ":read"
	}
	return p.Resources[0]
}

// noSuch is the end of an id that no object at Stripe has.
const noSuch = "trancheDoctor"

// Permissions lists every permission that Tranche needs, and no other. Connected accounts take the
// same ones in the form's column for Connect.
func Permissions() []Permission {
	return []Permission{
		{
			Row: "PaymentIntents", Access: Write, Resources: []string{"payment_intents"}, Names: []string{"payment_intent"},
			Lost:   "nothing can be paid: no first payment, no charge, no recovery page",
			Probes: []Probe{{http.MethodPost, "/v1/payment_intents/pi_" + noSuch + "/cancel"}},
		},
		{
			Row: "SetupIntents", Access: Write, Resources: []string{"setup_intents"}, Names: []string{"setup_intent"},
			Lost:   "no card is saved without a payment, so a plan starts only with one",
			Probes: []Probe{{http.MethodPost, "/v1/setup_intents/seti_" + noSuch + "/cancel"}},
		},
		{
			Row: "PaymentMethods", Access: Write, Resources: []string{"payment_methods"}, Names: []string{"payment_method"},
			Lost:   "the card of a first payment is not saved, so its plan does not start; removed cards stay attached",
			Probes: []Probe{{http.MethodPost, "/v1/payment_methods/pm_" + noSuch + "/detach"}},
		},
		{
			Row: "Customers", Access: Write, Resources: []string{"customers"}, Names: []string{"customer"},
			Lost:   "the card of a new customer is not saved, so the plan does not start",
			Probes: []Probe{{http.MethodPost, "/v1/customers/cus_" + noSuch}},
		},
		{
			Row: "Charges and Refunds", Access: Write, Resources: []string{"charges", "refunds"}, Names: []string{"charge", "refund"},
			Lost: "nothing is refunded, recorded as refunded or disputed, or compared with Stripe",
			Probes: []Probe{
				{http.MethodPost, "/v1/refunds/re_" + noSuch},
				{http.MethodGet, "/v1/charges?limit=1"},
			},
		},
		{
			Row: "Disputes", Access: Read, Resources: []string{"disputes"}, Names: []string{"dispute"},
			Lost:   "disputes are not recorded and pause no plan",
			Probes: []Probe{{http.MethodGet, "/v1/disputes?limit=1"}},
		},
		{
			Row: "Events", Access: Read, Resources: []string{"events"}, Names: []string{"event"},
			Lost:   "events that no webhook brought are not found",
			Probes: []Probe{{http.MethodGet, "/v1/events?limit=1"}},
		},
		{
			Row: "Webhook Endpoints", Access: Read, Resources: []string{"webhook_endpoints"}, Names: []string{"webhook", "webhook_endpoint"},
			Lost: "doctor cannot check that Stripe sends every event", Advisory: true,
			Probes: []Probe{{http.MethodGet, "/v1/webhook_endpoints?limit=1"}},
		},
	}
}

// Scopes lists the permissions as the simulator's restricted keys name them.
func Scopes() []string {
	var scopes []string
	for _, p := range Permissions() {
		scopes = append(scopes, p.Scope())
	}
	return scopes
}

// ForPath returns the permission that covers a path of Stripe's API; false when none on the list
// does.
func ForPath(path string) (Permission, bool) {
	resource, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	return find(func(p Permission) bool { return slices.Contains(p.Resources, resource) })
}

// refusal is the part of Stripe's refusal that names the missing permission, such as "Having the
// 'rak_charge_read' permission would allow this request to continue".
var refusal = regexp.MustCompile(`'rak_([a-z_]+)_(read|write)'`)

// ForRefusal returns the permission that the text of Stripe's refusal names, and the access that
// was refused; false when it names none on the list.
func ForRefusal(message string) (Permission, Access, bool) {
	named := refusal.FindStringSubmatch(message)
	if named == nil {
		return Permission{}, "", false
	}
	refused := Read
	if named[2] == "write" {
		refused = Write
	}
	p, ok := find(func(p Permission) bool { return slices.Contains(p.Names, named[1]) })
	return p, refused, ok
}

func find(is func(Permission) bool) (Permission, bool) {
	all := Permissions()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Permission{}, false
}

// Markdown returns the table of SECURITY.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| in Stripe's dashboard | choose | without it |\n|---|---|---|\n")
	for _, p := range Permissions() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Row, p.Access, p.Lost)
	}
	return b.String()
}

// Remedy describes how to add a missing permission.
const Remedy = "edit the restricted key in Stripe's dashboard (Developers, API keys) and add it; SECURITY.md lists all that are needed"
