package export

import (
	"strings"

	"tranche/internal/billing"
)

// columns parses "id amount:number due_at:time".
func columns(text string) []billing.ExportColumn {
	kinds := map[string]billing.ExportKind{"": billing.ExportText, "number": billing.ExportNumber, "time": billing.ExportTime, "boolean": billing.ExportBoolean, "json": billing.ExportJSON, "body": billing.ExportBody}
	var list []billing.ExportColumn
	for field := range strings.FieldsSeq(text) {
		name, kind, _ := strings.Cut(field, ":")
		list = append(list, billing.ExportColumn{Name: name, Kind: kinds[kind]})
	}
	return list
}

const (
	whyLease  = "coordinates the processes, no business data"
	whySecret = "is a secret"
)

// Tables lists all tables that can be exported. A table follows the tables that its rows
// refer to.
func Tables() []billing.ExportTable {
	changed, id := []string{"updated_at"}, columns("id")
	lease := map[string]string{"claim_after": whyLease, "lease": whyLease}
	return []billing.ExportTable{
		{Name: "customers", Table: "customers", Key: id, Changed: changed, Columns: columns(`id reference email name locale timezone
			stripe_customer created_at:time updated_at:time version:number erased_at:time stripe_update_at:time`)},
		{Name: "cards", Table: "cards", Key: id, Changed: changed, Columns: columns(`id customer_id payment_method stripe_customer brand last4
			exp_month:number exp_year:number fingerprint status account position:number hold removed_at:time detach_at:time
			own:boolean created_at:time updated_at:time`)},
		{Name: "plans", Table: "plans", Key: id, Changed: changed, Columns: columns(`id reference customer_id card_id kind status currency
			total:number reason policy backup_cards:boolean setup_intent account terms:json recurrence:json connect:json
			schedule:json catch_up setup_key setup_customer
			created_at:time updated_at:time activated_at:time paused_at:time expires_at:time version:number`)},
		{Name: "versions", Table: "plan_versions", Key: columns("plan_id number:number"), Changed: []string{"at"},
			Columns: columns(`plan_id number:number at:time actor what total:number charges:json`)},
		{Name: "charges", Table: "charges", Key: id, Changed: changed, Columns: columns(`id plan_id customer_id sequence:number amount:number
			currency due_at:time status reason payment_intent attempt_count:number decline_code next_attempt_at:time paid_at:time
			amount_refunded:number dispute_status paid_outside:boolean dropped:boolean checkout:boolean created_at:time updated_at:time
			reconciled_at:time version:number`), Withheld: lease},
		{Name: "attempts", Table: "attempts", Key: id, Changed: []string{"created_at", "sent_at", "finished_at"}, Columns: columns(`id charge_id
			number:number initiator outcome payment_intent stripe_charge request_id idempotency_key send_count:number failure:json
			params:json fingerprint created_at:time sent_at:time finished_at:time`)},
		{Name: "refunds", Table: "refunds", Key: id, Changed: changed, Columns: columns(`id plan_id charge_id payment_intent amount:number
			currency status stripe_refund failure idempotency_key created_at:time updated_at:time`)},
		{Name: "dunnings", Table: "dunnings", Key: id, Changed: []string{"began_at"}, Columns: columns(`id status policy began_at:time
			remind_at:time final_at:time deadline_at:time held_at:time replacing card_id`), Withheld: lease},
		{Name: "policies", Table: "dunning_policies", Key: columns("hash"), Changed: []string{"created_at"},
			Columns: columns(`hash name content created_at:time`)},
		{Name: "consents", Table: "card_consents", Key: id, Changed: []string{"created_at"}, Columns: columns(`id customer_id plan_id charge_id
			card_id intent source text_version text_shown locale listed:json accepted_at:time address user_agent created_at:time`)},
		{Name: "notices", Table: "notices", Key: id, Changed: []string{"created_at", "sent_at"}, Columns: columns(`id kind plan_id charge_id
			customer_id step channel recipient status reason attempts:number message_id subject body:body data:json created_at:time
			sent_at:time`), Withheld: lease},
		{Name: "incidents", Table: "incidents", Key: id, Changed: []string{"opened_at", "closed_at"}, Columns: columns(`id kind subject plan_id
			charge_id customer_id account detail remedy opened_at:time closed_at:time closed_by note`)},
		{Name: "events", Table: "events", Key: id, Changed: []string{"received_at", "handled_at"}, Columns: columns(`id type object_id account
			api_version livemode:boolean status reason awaits attempts:number created_at:time received_at:time handled_at:time payload:json`), Withheld: lease},
		{Name: "audit", Table: "audit", Key: columns("seq:number"), Changed: []string{"at"}, Columns: columns(`seq:number at:time actor actor_name action
			plan_id charge_id customer_id card_id notice_id incident_id subject message next_step notified:boolean`)},
		{Name: "endpoints", Table: "webhook_endpoints", Key: id, Changed: changed, Columns: columns(`id url types status reason failing_since:time
			disabled_at:time created_at:time updated_at:time version:number`),
			Withheld: map[string]string{"secret": whySecret, "old_secret": whySecret, "old_until": "belongs to the secret"}},
		{Name: "messages", Table: "webhook_messages", Key: id, Changed: []string{"created_at"}, Columns: columns(`id type plan_id payload:json
			created_at:time`)},
		{Name: "deliveries", Table: "webhook_deliveries", Key: id, Changed: []string{"created_at", "last_attempt_at", "delivered_at"},
			Columns: columns(`id message_id endpoint_id type status attempts:number last_status:number last_error next_attempt_at:time
			created_at:time last_attempt_at:time delivered_at:time`), Withheld: lease},
		{Name: "links", Table: "pay_links", Key: id, Changed: []string{"created_at", "revoked_at"}, Columns: columns(`id notice_id customer_id
			plan_id charge_id created_at:time expires_at:time revoked_at:time`), Withheld: map[string]string{"token_hash": "verifies a link"}}, //nolint:gosec // a reason, and no secret
	}
}

// TableOf returns the table that is exported under a name.
func TableOf(name string) (billing.ExportTable, bool) {
	for _, t := range Tables() {
		if t.Name == name {
			return t, true
		}
	}
	return billing.ExportTable{}, false
}

// Names lists the names of all exported tables.
func Names() []string {
	var names []string
	for _, t := range Tables() {
		names = append(names, t.Name)
	}
	return names
}
