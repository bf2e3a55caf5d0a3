package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/binding"
	"tranche/internal/clock"
	"tranche/internal/clockguard"
	"tranche/internal/stripeevents"
	"tranche/internal/stripegw"
)

// maxSkew is the largest allowed difference between this machine's clock and Stripe's.
const maxSkew = clockguard.Limit

// stripe reports whether the key works, belongs to the database's account, and whether Stripe sends
// events to this instance.
func (e *examination) stripe(ctx context.Context) {
	gateway, err := stripegw.New(stripegw.Config{SecretKey: e.cfg.StripeSecretKey, APIBase: e.cfg.StripeAPIBase, HTTPTimeout: doctorTimeout})
	if err != nil {
		return // reported with the settings
	}
	defer gateway.Close()
	e.skew(ctx)
	if e.account(ctx, gateway) {
		e.permissions(ctx, gateway)
		e.belongs(ctx, gateway)
		e.endpoint(ctx, gateway)
	}
}

// account reports whether Stripe accepts the key.
func (e *examination) account(ctx context.Context, gateway *stripegw.Gateway) bool {
	const check = "stripe key"
	mode := billing.Binding{Livemode: gateway.Livemode()}.Mode()
	id, err := gateway.Account(ctx)
	var ge *billing.GatewayError
	switch {
	case errors.As(err, &ge) && billing.NotOffered(err):
		e.ok(check, "a %s key; GET /v1/account answers HTTP %d, so the account is identified by the key's mode and a payment in the database", mode, ge.HTTPStatus)
	case errors.As(err, &ge) && ge.Kind == billing.GatewayUnauthorized:
		e.fail(check, ge.Error(), "set STRIPE_SECRET_KEY to a key from Stripe's dashboard")
		return false
	case err != nil:
		e.failed(check, err, "check STRIPE_API_BASE and the outgoing network; charges wait meanwhile")
		return false
	default:
		e.ok(check, "a %s key of account %s", mode, id)
	}
	return true
}

// belongs reports whether the key and the database belong together. It binds nothing.
func (e *examination) belongs(ctx context.Context, gateway *stripegw.Gateway) {
	const check = "binding"
	if e.store == nil {
		return // reported with the database
	}
	guard := binding.New(e.store, gateway, e.clock)
	held, present, err := guard.State(ctx)
	why := ""
	if err == nil {
		why, err = guard.Differs(ctx, held, present)
	}
	switch {
	case err != nil:
		e.failed(check, err, "")
	case held.BoundAt.IsZero():
		e.warn(check, "the database is not bound to an account yet", "the first start of tranche serve binds it to this key's account")
	case why != "":
		e.fail(check, "nothing is charged: "+why, "use the right key or database; if the change is intended, run tranche bind")
	default:
		e.ok(check, "the key and the database belong together")
	}
}

// endpoint reports whether Stripe sends events to this instance, including events of connected
// accounts if plans name any. A key without the permission to list endpoints is no fault.
func (e *examination) endpoint(ctx context.Context, gateway *stripegw.Gateway) {
	const check = "webhook endpoint"
	list, err := gateway.WebhookEndpoints(ctx)
	if err != nil {
		e.ok(check, "not checked: the key may not list endpoints")
		return
	}
	list = slices.DeleteFunc(list, func(w stripegw.WebhookEndpoint) bool { return !w.Enabled || !e.isOurs(w.URL) })
	own := slices.DeleteFunc(slices.Clone(list), func(w stripegw.WebhookEndpoint) bool { return w.Connect })
	e.isSent(check, own, "Stripe has no enabled endpoint that ends in "+webhookPath, "add an endpoint in Stripe's dashboard, for the events that README.md lists")
	if e.store == nil {
		return
	}
	if accounts, err := e.store.PlanAccounts(ctx); err == nil && len(accounts) > 0 {
		connected := slices.DeleteFunc(list, func(w stripegw.WebhookEndpoint) bool { return !w.Connect })
		e.isSent("connected accounts", connected, fmt.Sprintf("plans name %d connected accounts, and no enabled endpoint that ends in %s listens to them", len(accounts), webhookPath),
			"add an endpoint that listens to connected accounts, and its secret to STRIPE_WEBHOOK_SECRET: docs/connect.md")
	}
}

// isSent reports whether every event that Tranche uses is sent to one of the endpoints.
func (e *examination) isSent(check string, to []stripegw.WebhookEndpoint, none, add string) {
	if len(to) == 0 {
		e.warn(check, none, add)
		return
	}
	missing := slices.DeleteFunc(stripeevents.Types(), func(event string) bool {
		return slices.ContainsFunc(to, func(w stripegw.WebhookEndpoint) bool {
			return slices.Contains(w.Types, "*") || slices.Contains(w.Types, event)
		})
	})
	if len(missing) > 0 {
		e.warn(check, "these events are not sent: "+strings.Join(missing, ", "), "add them to the endpoint in Stripe's dashboard")
		return
	}
	e.ok(check, "%s receives every event that Tranche uses", to[0].URL)
}

const webhookPath = "/webhooks/stripe"

// isOurs reports whether an endpoint may belong to this instance.
func (e *examination) isOurs(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || !strings.HasSuffix(u.Path, webhookPath) {
		return false
	}
	base, err := url.Parse(e.cfg.BaseURL)
	return e.cfg.BaseURL == "" || err == nil && base.Host == u.Host
}

// skew compares the machine's clock with the Date of a response from Stripe. The request carries no
// key.
func (e *examination) skew(ctx context.Context) {
	const check = "clock"
	base := e.cfg.StripeAPIBase
	if base == "" {
		base = "https://api.stripe.com"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base, http.NoBody)
	if err != nil {
		return // reported with the settings
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return // the check of the key reports that Stripe does not answer
	}
	_ = resp.Body.Close()
	theirs, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return
	}
	if off := (clock.Clock{}).Wall().Sub(theirs).Round(time.Second); off.Abs() > maxSkew {
		e.fail(check, fmt.Sprintf("this machine's clock differs from Stripe's by %s", off), "set it by NTP: until then no process on this machine works")
		return
	}
	e.ok(check, "the clock agrees with Stripe's")
}
