package stripesim

func (c *customer) view() object {
	if c.deleted {
		return object{"id": c.id, "object": "customer", "deleted": true}
	}
	return object{
		"id": c.id, "object": "customer", "address": orNullObject(c.address), "balance": c.balance, "created": c.created,
		"currency": nil, "default_source": nil, "delinquent": false, "description": orNull(c.description), "discount": nil,
		"email": orNull(c.email), "invoice_prefix": c.invoicePrefix,
		"invoice_settings": object{
			"custom_fields": nil, "default_payment_method": orNull(c.defaultPaymentMethod), "footer": nil, "rendering_options": nil,
		},
		"livemode": false, "metadata": c.metadata, "name": orNull(c.name), "next_invoice_sequence": int64(1), "phone": orNull(c.phone),
		"preferred_locales": append([]string{}, c.locales...), "shipping": orNullObject(c.shipping), "tax_exempt": c.taxExempt, "test_clock": nil,
	}
}

func (p *paymentMethod) view() object {
	return object{
		"id": p.id, "object": "payment_method", "billing_details": p.billing, "card": p.cardView(), "created": p.created,
		"customer": orNull(p.customer), "livemode": false, "metadata": p.metadata, "type": "card",
	}
}

func (p *paymentMethod) cardView() object {
	return object{
		"brand": p.card.brand, "checks": p.checks(), "country": p.card.country, "display_brand": p.card.brand,
		"exp_month": p.expMonth, "exp_year": p.expYear, "fingerprint": fingerprint(p.number), "funding": p.card.funding,
		"generated_from": nil, "last4": p.card.last4(),
		"networks":             object{"available": []string{p.card.brand}, "preferred": nil},
		"three_d_secure_usage": object{"supported": !p.card.no3DS}, "wallet": nil,
	}
}

func (p *paymentIntent) view() object {
	return object{
		"id": p.id, "object": "payment_intent", "amount": p.amount, "amount_capturable": p.amountCapturable,
		"amount_details": object{"tip": object{}}, "amount_received": p.amountReceived, "application": nil,
		"application_fee_amount": orNull(p.fee), "automatic_payment_methods": orNullObject(p.automatic), "canceled_at": orNull(p.canceledAt),
		"cancellation_reason": orNull(p.cancellationReason), "capture_method": p.captureMethod, "client_secret": p.clientSecret,
		"confirmation_method": p.confirmationMethod, "created": p.created, "currency": p.currency, "customer": orNull(p.customer),
		"description": orNull(p.description), "invoice": nil, "last_payment_error": orNullObject(p.lastError),
		"latest_charge": orNull(p.latestCharge), "livemode": false, "metadata": p.metadata, "next_action": orNullObject(p.nextAction),
		"on_behalf_of": orNull(p.onBehalfOf), "payment_method": orNull(p.paymentMethod), "payment_method_configuration_details": nil,
		"payment_method_options": object{"card": p.cardOptions}, "payment_method_types": p.types, "processing": p.processingView(),
		"receipt_email": orNull(p.receiptEmail), "review": nil, "setup_future_usage": orNull(p.setupFutureUsage),
		"shipping": orNullObject(p.shipping), "source": nil, "statement_descriptor": orNull(p.statementDescriptor),
		"statement_descriptor_suffix": orNull(p.statementSuffix), "status": p.status, "transfer_data": orNullObject(p.transfer),
		"transfer_group": orNull(p.transferGroup),
	}
}

// clientPaymentIntent are the fields that a publishable key may read.
var clientPaymentIntent = []string{
	"id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at", "cancellation_reason", "capture_method",
	"client_secret", "confirmation_method", "created", "currency", "description", "last_payment_error", "livemode", "next_action",
	"payment_method", "payment_method_configuration_details", "payment_method_types", "processing", "receipt_email",
	"setup_future_usage", "shipping", "status",
}

// clientSetupIntent are the fields that a publishable key may read.
var clientSetupIntent = []string{
	"id", "object", "automatic_payment_methods", "cancellation_reason", "client_secret", "created", "description", "last_setup_error",
	"livemode", "next_action", "payment_method", "payment_method_configuration_details", "payment_method_types", "status", "usage",
}

func (i *setupIntent) view() object {
	return object{
		"id": i.id, "object": "setup_intent", "application": nil, "automatic_payment_methods": orNullObject(i.automatic),
		"cancellation_reason": orNull(i.cancellationReason), "client_secret": i.clientSecret, "created": i.created,
		"customer": orNull(i.customer), "description": orNull(i.description), "flow_directions": nil,
		"last_setup_error": orNullObject(i.lastError), "latest_attempt": orNull(i.attempt), "livemode": false, "mandate": nil,
		"metadata": i.metadata, "next_action": orNullObject(i.nextAction), "on_behalf_of": nil, "payment_method": orNull(i.paymentMethod),
		"payment_method_configuration_details": nil,
		"payment_method_options":               object{"card": i.cardOptions},
		"payment_method_types":                 i.types, "single_use_mandate": nil, "status": i.status, "usage": i.usage,
	}
}

func (c *charge) view() object {
	paid := c.status == "succeeded"
	out := object{
		"id": c.id, "object": "charge", "amount": c.amount, "amount_captured": c.captured, "amount_refunded": c.refunded,
		"application": nil, "application_fee": orNull(c.applicationFee), "application_fee_amount": orNull(c.fee),
		"balance_transaction": orNull(c.balanceTransaction),
		"billing_details":     c.billing, "calculated_statement_descriptor": "TRANCHE SIMULATOR", "captured": paid && c.captured > 0,
		"created": c.created, "currency": c.currency, "customer": orNull(c.customer), "description": orNull(c.description),
		"destination": orNull(c.destination()), "dispute": orNull(c.dispute), "disputed": c.dispute != "", "failure_balance_transaction": nil, "failure_code": orNull(c.failureCode),
		"failure_message": orNull(c.failureMessage), "fraud_details": object{}, "invoice": nil, "livemode": false, "metadata": c.metadata,
		"on_behalf_of": orNull(c.onBehalfOf), "order": nil, "outcome": c.outcome, "paid": paid, "payment_intent": orNull(c.paymentIntent),
		"payment_method": orNull(c.paymentMethod), "payment_method_details": object{"card": c.cardDetails, "type": "card"},
		"radar_options": object{}, "receipt_email": orNull(c.receiptEmail), "receipt_number": nil, "receipt_url": orNull(c.receiptURL),
		"refunded": paid && c.captured > 0 && c.refunded >= c.captured, "review": nil, "shipping": orNullObject(c.shipping),
		"source": nil, "source_transfer": nil, "statement_descriptor": orNull(c.statementDescriptor),
		"statement_descriptor_suffix": orNull(c.statementSuffix), "status": c.status, "transfer_data": orNullObject(c.transferData),
		"transfer_group": orNull(c.transferGroup),
	}
	if c.transfer != "" {
		out["transfer"] = c.transfer
	}
	return out
}

func (r *refund) view() object {
	out := object{
		"id": r.id, "object": "refund", "amount": r.amount, "balance_transaction": orNull(r.balanceTransaction), "charge": r.charge, "created": r.created,
		"currency": r.currency, "destination_details": object{"card": object{
			"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
		}, "type": "card"}, "metadata": r.metadata,
		"payment_intent": orNull(r.paymentIntent), "reason": orNull(r.reason), "receipt_number": nil, "source_transfer_reversal": nil,
		"status": r.status, "transfer_reversal": orNull(r.reversal),
	}
	if r.failure != "" {
		out["failure_reason"], out["failure_balance_transaction"] = r.failure, orNull(r.failureTransaction)
	}
	return out
}

// evidenceFields are the fields of a dispute's evidence, all empty here.
var evidenceFields = []string{
	"access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure", "cancellation_rebuttal",
	"customer_communication", "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
	"duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id", "product_description", "receipt",
	"refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date", "service_documentation",
	"shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
	"uncategorized_file", "uncategorized_text",
}

func (d *dispute) view() object {
	evidence := object{}
	for _, name := range evidenceFields {
		evidence[name] = nil
	}
	return object{
		"id": d.id, "object": "dispute", "amount": d.amount, "balance_transactions": append([]any{}, d.movements...), "charge": d.charge, "created": d.created,
		"currency": d.currency, "evidence": evidence,
		"evidence_details":     object{"due_by": d.created + 9*24*3600, "has_evidence": false, "past_due": false, "submission_count": int64(0)},
		"is_charge_refundable": d.status == inquiryOpen, "livemode": false, "metadata": d.metadata,
		"payment_intent":         orNull(d.paymentIntent),
		"payment_method_details": object{"card": object{"brand": d.brand, "network_reason_code": "10.4"}, "type": "card"},
		"reason":                 d.reason, "status": d.status,
	}
}

func (e *event) view() object {
	data := object{"object": e.object}
	if e.previous != nil {
		data["previous_attributes"] = e.previous
	}
	out := object{
		"id": e.id, "object": "event", "api_version": e.version, "created": e.created, "data": data, "livemode": false,
		"pending_webhooks": int64(e.pending + e.failed), "type": e.kind,
		"request": object{"id": orNull(e.requestID), "idempotency_key": orNull(e.key)},
	}
	if e.account != "" {
		out["account"] = e.account
	}
	return out
}

// view leaves out the secret, which only the response to creation contains.
func (e *endpoint) view() object {
	return object{
		"id": e.id, "object": "webhook_endpoint", "api_version": nil, "application": e.application(), "created": e.created,
		"description": orNull(e.description), "enabled_events": e.events, "livemode": false, "metadata": e.metadata,
		"status": e.status, "url": e.url,
	}
}

// application returns an id if the endpoint listens to connected accounts, else null.
func (e *endpoint) application() any {
	if !e.connect {
		return nil
	}
	return application
}
