//go:build !race

package jobs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/operator/operatortest"
	"tranche/internal/stripeevents"
	"tranche/internal/stripesim"
	"tranche/internal/task"
)

// scene is a plan in a setting, for one case.
type scene struct {
	*bench
	id     billing.PlanID
	charge billing.Charge
	other  billing.CardID // another saved card of the customer's
}

// scenario is one case: an event, a task or an operation. It returns why it can't occur in this
// state, or the error that refuses it.
type scenario struct {
	group, name string
	do          func(s *scene) (cannot string, err error)
	// idle is set if the case brings nothing new in any state, and so must change nothing.
	idle bool
}

// scenarios lists every case for a plan or a charge.
func scenarios() []scenario {
	list := atStripe()
	list = append(list, attemptOutcomes()...)
	list = append(list, ticks()...)
	list = append(list, strayEvents()...)
	for _, op := range operatortest.Operations() {
		list = append(list, scenario{group: "An operator asks for", name: string(op), do: func(s *scene) (string, error) { return "", s.operate(op) }})
	}
	return list
}

// notPaid and noIntent are the reasons why most cases can't occur at Stripe.
const (
	notPaid  = "nothing was paid at Stripe"
	noIntent = "there is no PaymentIntent yet"
)

// pays has the customer pay the charge's PaymentIntent with a card.
func (s *scene) pays(number string) (string, error) {
	if s.charge.PaymentIntent == "" {
		return noIntent, nil
	}
	if at := s.intentOf(s.charge).Status; at == "succeeded" || at == "canceled" {
		return "the PaymentIntent is " + at, nil
	}
	err := s.Pay(s.secretOf(s.charge), stripesim.PaymentDetails{Card: &stripesim.Card{Number: number}, SetupFutureUsage: "off_session"})
	if number == good {
		require.NoError(s.t, err)
	}
	s.hearAll()
	return "", nil
}

// atPaid changes a charge's payment at Stripe, and handles the events.
func atPaid(name string, do func(s *scene, pi string) string) scenario {
	return scenario{group: "At Stripe", name: name, do: func(s *scene) (string, error) {
		if s.charge.PaymentIntent == "" || s.intentOf(s.charge).Status != "succeeded" {
			return notPaid, nil
		}
		if cannot := do(s, s.charge.PaymentIntent); cannot != "" {
			return cannot, nil
		}
		s.hearAll()
		return "", nil
	}}
}

func atStripe() []scenario {
	const group = "At Stripe"
	disputed := func(s *scene, pi string) (string, string) {
		if s.charge.Status == billing.ChargeRefunded {
			return "", "the payment was refunded"
		}
		if id := s.disputeOf(pi); id != "" {
			return id, ""
		}
		id, err := s.Sim.Dispute(pi, "fraudulent")
		if err != nil {
			return "", "it can't be disputed"
		}
		return id, ""
	}
	closes := func(won bool) func(s *scene, pi string) string {
		return func(s *scene, pi string) string {
			id, cannot := disputed(s, pi)
			if cannot == "" && s.Sim.CloseDispute(id, won) != nil {
				return "the dispute is closed"
			}
			return cannot
		}
	}
	refund := func(amount string) func(s *scene, pi string) string {
		return func(s *scene, pi string) string {
			switch s.charge.Status {
			case billing.ChargeRefunded:
				return "the payment was refunded"
			case billing.ChargeDisputed:
				return "the payment is disputed"
			}
			fields := []string{"payment_intent", pi}
			if amount != "" {
				fields = append(fields, "amount", amount)
			}
			return s.asks(http.MethodPost, "/v1/refunds", fields...)
		}
	}
	return []scenario{
		{group: group, name: "the customer pays with a new card", do: func(s *scene) (string, error) { return s.pays(good) }},
		{group: group, name: "the customer's new card is declined", do: func(s *scene) (string, error) { return s.pays(neverFunds) }},
		{group: group, name: "the customer gives another card", do: func(s *scene) (string, error) {
			if s.StripeCustomer(s.id) == "" {
				return "Stripe has no such customer yet", nil
			}
			s.newCard(s.id, otherCard)
			s.hearAll()
			return "", nil
		}},
		{group: group, name: "the PaymentIntent is canceled in the dashboard", do: func(s *scene) (string, error) {
			if s.charge.PaymentIntent == "" {
				return noIntent, nil
			}
			if at := s.intentOf(s.charge).Status; at == "succeeded" || at == "canceled" {
				return "the PaymentIntent is " + at, nil
			}
			cannot := s.asks(http.MethodPost, "/v1/payment_intents/"+s.charge.PaymentIntent+"/cancel")
			s.hearAll()
			return cannot, nil
		}},
		atPaid("the payment is refunded in full", refund("")),
		atPaid("a part of the payment is refunded", refund("100")),
		atPaid("the payment is disputed", func(s *scene, pi string) string {
			if s.disputeOf(pi) != "" {
				return "it is disputed already"
			}
			_, cannot := disputed(s, pi)
			return cannot
		}),
		atPaid("a dispute of the payment is won", closes(true)),
		atPaid("a dispute of the payment is lost", closes(false)),
		{group: group, name: "the card is detached", do: func(s *scene) (string, error) {
			card, cannot := s.card()
			if cannot == "" {
				cannot = s.asks(http.MethodPost, "/v1/payment_methods/"+card+"/detach")
				s.hearAll()
			}
			return cannot, nil
		}},
		{group: group, name: "the card is renewed by its network", do: func(s *scene) (string, error) {
			card, cannot := s.card()
			if cannot != "" {
				return cannot, nil
			}
			if err := s.Sim.UpdateCard(card, 11, 2040); err != nil {
				cannot = "the card is detached"
			}
			s.hearAll()
			return cannot, nil
		}},
		{group: group, name: "the customer is deleted", do: func(s *scene) (string, error) {
			id := s.StripeCustomer(s.id)
			if id == "" {
				return "Stripe has no such customer yet", nil
			}
			cannot := s.asks(http.MethodDelete, "/v1/customers/"+id)
			s.hearAll()
			return cannot, nil
		}},
	}
}

// asks sends a request with the secret key, as the dashboard does, and returns why Stripe refused
// it.
func (s *scene) asks(method, path string, fields ...string) (cannot string) {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.Browser.BaseURL+path, strings.NewReader(form.Encode()))
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer sk_test_bench")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.client().Do(req)
	require.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return ""
	}
	return "Stripe refuses it"
}

// card returns the PaymentMethod of the plan's card, or why there is none.
func (s *scene) card() (pm, cannot string) {
	id := s.Details(s.id).Plan.CardID
	if id == "" {
		return "", "no card was saved yet"
	}
	card, err := s.Store.Card(s.t.Context(), id)
	require.NoError(s.t, err)
	return card.PaymentMethod, ""
}

// disputeOf returns the dispute of a payment; empty if there is none.
func (s *scene) disputeOf(pi string) string {
	list := s.request("GET", "/v1/disputes?payment_intent="+pi, nil)
	data, _ := list["data"].([]any)
	for _, one := range data {
		d, _ := one.(map[string]any)
		id, _ := d["id"].(string)
		return id
	}
	return ""
}

// attemptOutcomes lists the possible outcomes of the task that collects the charge at its due time.
func attemptOutcomes() []scenario {
	var list []scenario
	add := func(name string, arm func(s *scene)) {
		list = append(list, scenario{group: "The charge is collected when it is due, and", name: name, do: func(s *scene) (string, error) {
			arm(s)
			s.SetNow(later(s.Now(), s.charge.NextAttemptAt))
			s.collect()
			s.Gateway.After = nil
			return "", nil
		}})
	}
	add("it is paid", func(*scene) {})
	for _, code := range []string{"insufficient_funds", "authentication_required", "expired_card", "stolen_card", "generic_decline"} {
		add("declined: "+code, func(s *scene) {
			require.NoError(s.t, s.Sim.AddFault(stripesim.FaultRule{
				Action: stripesim.ActionDecline, Path: "/v1/payment_intents*", DeclineCode: code, Count: 1,
			}))
			require.NoError(s.t, s.Sim.AddFault(stripesim.FaultRule{
				Action: stripesim.ActionDecline, Path: "/v1/payment_intents/*/confirm", DeclineCode: code, Count: 1,
			}))
		})
	}
	add("its card was detached before", func(s *scene) {
		if card, cannot := s.card(); cannot == "" {
			s.post("/v1/payment_methods/" + card + "/detach")
			s.hearAll()
		}
	})
	add("the connection breaks before the request reaches Stripe", func(s *scene) {
		require.NoError(s.t, s.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionConnectionReset}))
	})
	add("Stripe's answer is lost", func(s *scene) {
		s.Gateway.After = func(billing.PaymentIntent, error) (billing.PaymentIntent, error) {
			return billing.PaymentIntent{}, errors.New("the answer was lost")
		}
	})
	add("Stripe answers 500", func(s *scene) {
		require.NoError(s.t, s.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionServerError}))
	})
	add("Stripe answers 429", func(s *scene) {
		require.NoError(s.t, s.Sim.AddFault(stripesim.FaultRule{Action: stripesim.ActionRateLimit}))
	})
	return list
}

// collect claims the charge, if it is due, and runs its task. Otherwise it runs a task for the
// row's lease.
func (s *scene) collect() {
	ctx := s.t.Context()
	claims, err := s.Store.ClaimCharges(ctx, s.Now(), s.Now().Add(time.Minute), 100)
	require.NoError(s.t, err)
	for _, c := range claims {
		require.NoError(s.t, s.Worker.Do(ctx, task.ForCharge(c)))
	}
	c := s.fresh()
	require.NoError(s.t, s.Worker.Do(ctx, task.ForCharge(billing.Claim{ChargeID: c.ID, Lease: c.Lease})))
}

// fresh reads the charge again.
func (s *scene) fresh() billing.Charge {
	c, err := s.Store.Charge(s.t.Context(), s.charge.ID)
	require.NoError(s.t, err)
	return c
}

// ticks lists the cases that the scheduler causes.
func ticks() []scenario {
	const group = "The scheduler finds that it is time for"
	dunning := func(name string, at func(d billing.Dunning) time.Time) scenario {
		return scenario{group: group, name: name, do: func(s *scene) (string, error) {
			d, err := s.Store.Dunning(s.t.Context(), s.charge.ID)
			if errors.Is(err, billing.ErrNotFound) || err == nil && d.Status != billing.DunningOpen {
				return "no dunning is open", nil
			}
			require.NoError(s.t, err)
			s.SetNow(later(s.Now(), at(d)))
			claims, err := s.Store.ClaimDunnings(s.t.Context(), s.Now(), s.Now().Add(time.Minute), 100)
			require.NoError(s.t, err)
			for _, c := range claims {
				s.Do(task.ForDunning(c))
			}
			return "", nil
		}}
	}
	task := func(name string, run func(s *scene, c billing.Charge) error) scenario {
		return scenario{group: group, name: name, idle: true, do: func(s *scene) (string, error) {
			require.NoError(s.t, run(s, s.fresh()))
			return "", nil
		}}
	}
	return []scenario{
		dunning("the reminder", func(d billing.Dunning) time.Time { return d.RemindAt }),
		dunning("the final notice", func(d billing.Dunning) time.Time { return d.FinalAt }),
		{group: group, name: "the deadline, the final notice sent", do: func(s *scene) (string, error) {
			cannot, err := dunning("", func(d billing.Dunning) time.Time { return d.FinalAt }).do(s)
			if cannot == "" && err == nil {
				_, err = dunning("", func(d billing.Dunning) time.Time { return d.DeadlineAt.Add(12 * time.Hour) }).do(s)
			}
			return cannot, err
		}},
		task("a task that was overtaken by another", func(s *scene, c billing.Charge) error {
			return s.Worker.Do(s.t.Context(), collectTask(string(c.ID), c.Lease-1))
		}),
		task("a retry that was overtaken by another", func(s *scene, c billing.Charge) error {
			return s.Worker.Do(s.AsMerchant(), retryTask(string(c.ID), c.Lease-1))
		}),
		{group: group, name: "a step of dunning that was overtaken", idle: true, do: func(s *scene) (string, error) {
			if _, err := s.Store.Dunning(s.t.Context(), s.charge.ID); errors.Is(err, billing.ErrNotFound) {
				return "no dunning is open", nil
			}
			return "", s.Worker.Do(s.t.Context(), dunningTask(string(s.charge.ID), -1))
		}},
	}
}

// strayEvents lists events without news: of every type that is handled, about the objects of this
// plan in their current state, unless Stripe knows more than the database.
func strayEvents() []scenario {
	var list []scenario
	for _, kind := range stripeevents.Types() {
		// A fraud warning has no state at Stripe that could be fetched: the event itself is the
		// news.
		idle := kind != "radar.early_fraud_warning.created"
		list = append(list, scenario{group: "An event that reports nothing new arrives, of type", name: kind, idle: idle, do: func(s *scene) (string, error) {
			object, cannot := s.objectOf(kind)
			if cannot != "" {
				return cannot, nil
			}
			body, err := json.Marshal(map[string]any{
				"id": "evt_stray_" + kind, "object": "event", "type": kind, "created": s.Now().Unix(), "api_version": stripesim.APIVersion,
				"data": map[string]any{"object": map[string]any{"id": object, "payment_intent": s.charge.PaymentIntent}},
			})
			require.NoError(s.t, err)
			s.TakeIn(body)
			s.hearAll()
			return "", nil
		}})
	}
	return list
}

// objectOf returns the object that an event of this type would be about.
func (s *scene) objectOf(kind string) (id, cannot string) {
	family, _, _ := strings.Cut(kind, ".")
	switch {
	case family == "payment_method":
		return s.card()
	case family == "customer":
		if id = s.StripeCustomer(s.id); id == "" {
			return "", "Stripe has no such customer yet"
		}
		return id, ""
	case family == "setup_intent":
		return "seti_of_nobody", ""
	case s.charge.PaymentIntent == "":
		return "", noIntent
	case family == "payment_intent":
		return s.charge.PaymentIntent, ""
	}
	return fmt.Sprintf("ch_of_%s", s.charge.PaymentIntent), ""
}

// operate carries out one operation on the charge, or on its plan, with valid arguments.
func (s *scene) operate(op operator.Operation) error {
	now := s.Now()
	values := operatortest.Example(now, s.other)
	values.Remaining, values.Due = 90000, later(now, s.charge.DueAt).AddDate(0, 0, 14).Format(time.DateOnly)
	values.FeeDue = now.AddDate(0, 8, 0).Format(time.DateOnly)
	_, err := values.Make(s.AsMerchant(), s.Operator(), op, s.id, s.charge.ID)
	return err
}
