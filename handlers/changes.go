package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/operator"
	"tranche/internal/view"
)

// changeRoutes adds the routes that change a running plan: see docs/changes.md.
func (s *Server) changeRoutes(api *router) {
	api.handle("GET /v1/plans/{id}/versions", s.planVersions)
	api.handle("POST /v1/plans/{id}/remaining", changing(s, s.setRemaining))
	api.handle("POST /v1/plans/{id}/fee", changing(s, s.addFee))
	api.handle("POST /v1/plans/{id}/extend", changing(s, s.extendPlan))
	api.handle("POST /v1/plans/{id}/pay-all", changing(s, s.payAll))
	api.handle("POST /v1/plans/{id}/restart", changing(s, s.restartPlan))
	api.handle("POST /v1/plans/{id}/card", changing(s, s.useCard))
	api.handle("POST /v1/plans/{id}/catch-up", changing(s, s.setCatchUp))
	api.handle("POST /v1/charges/{id}/retry", changing(s, retryCharge(s)))
	api.handle("POST /v1/charges/{id}/skip", changing(s, s.skipCharge))
	api.handle("POST /v1/charges/{id}/move", changing(s, s.moveCharge))
	api.handle("POST /v1/charges/{id}/amount", changing(s, s.setAmount))
	api.handle("POST /v1/charges/{id}/split", changing(s, s.splitCharge))
	api.handle("POST /v1/charges/{id}/pay", changing(s, s.payCharge))
	api.handle("POST /v1/charges/{id}/collect", changing(s, s.collectCharge))
	api.handle("POST /v1/charges/{id}/paid-outside", changing(s, s.paidOutside))
	api.handle("POST /v1/charges/{id}/write-off", changing(s, s.writeOff))
	api.handle("POST /v1/charges/{id}/refund-duplicate", changing(s, s.refundDuplicate))
}

// changing returns a handler that reads the optional body of a change, makes the change and answers
// with the plan.
func changing[B any](s *Server, do func(r *http.Request, on *operator.Operator, id string, body B) (operator.Result, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body B
		on, ok := s.changeOn(w, r, &body)
		if !ok {
			return
		}
		result, err := do(r, on, r.PathValue("id"), body)
		s.answerPlan(w, r, result.Plan, err)
	}
}

// changeOn reads the optional body of a change and returns the operator for the change, which mails
// the customer unless the body has "notify": false. If the body is invalid, changeOn sends the
// answer and returns false.
func (s *Server) changeOn(w http.ResponseWriter, r *http.Request, body any) (*operator.Operator, bool) {
	on, ok := s.changeOnce(w, r)
	if !ok {
		return on, false
	}
	c := changeBody{body: body}
	if r.ContentLength != 0 && !decodeBody(w, r, &c) {
		return on, false
	}
	return on.With(operator.Options{Quiet: c.quiet}), true
}

// changeBody is the body of a change, with the field notify that every change takes.
type changeBody struct {
	body  any
	quiet bool
}

// UnmarshalJSON removes notify and reads the other fields as strictly as every body.
func (c *changeBody) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	notify := struct{ Notify *bool }{}
	if given, ok := fields["notify"]; ok {
		if err := json.Unmarshal([]byte(`{"notify":`+string(given)+`}`), &notify); err != nil {
			return err
		}
		delete(fields, "notify")
		var err error
		if data, err = json.Marshal(fields); err != nil {
			return err
		}
	}
	c.quiet = notify.Notify != nil && !*notify.Notify
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(c.body)
}

// noBody is the body of a change without fields.
type noBody struct{}

type remainingBody struct {
	Total  int64 `json:"total"`  // of all unpaid charges
	Amount int64 `json:"amount"` // of each unpaid charge, instead of a total
}

func (s *Server) setRemaining(r *http.Request, on *operator.Operator, id string, b remainingBody) (operator.Result, error) {
	if b.Amount != 0 {
		if b.Total != 0 {
			return operator.Result{}, &billing.InvalidError{Fields: []billing.FieldError{{Field: "amount", Message: "is given together with total; leave one of them out"}}}
		}
		return on.SetRemainingAmount(r.Context(), billing.PlanID(id), b.Amount)
	}
	return on.SetRemaining(r.Context(), billing.PlanID(id), b.Total)
}

type feeBody struct {
	Amount int64  `json:"amount"`
	Due    string `json:"due"`
	Reason string `json:"reason"`
}

func (s *Server) addFee(r *http.Request, on *operator.Operator, id string, b feeBody) (operator.Result, error) {
	if err := operator.CheckReason("reason", b.Reason); err != nil {
		return operator.Result{}, err
	}
	return on.AddFee(r.Context(), billing.PlanID(id), b.Amount, b.Due, b.Reason)
}

type extendBody struct {
	Parts  int    `json:"parts"`
	Amount int64  `json:"amount"`
	Every  string `json:"every"`
}

func (s *Server) extendPlan(r *http.Request, on *operator.Operator, id string, b extendBody) (operator.Result, error) {
	return on.Extend(r.Context(), billing.PlanID(id), operator.Extension(b))
}

type discountBody struct {
	Discount int64 `json:"discount"`
}

func (s *Server) payAll(r *http.Request, on *operator.Operator, id string, b discountBody) (operator.Result, error) {
	return on.PayAll(r.Context(), billing.PlanID(id), b.Discount)
}

type missedBody struct {
	Missed operator.Missed `json:"missed"` // which of the charges that fell due meanwhile are made
}

func (s *Server) restartPlan(r *http.Request, on *operator.Operator, id string, b missedBody) (operator.Result, error) {
	return on.Restart(r.Context(), billing.PlanID(id), b.Missed)
}

type cardBody struct {
	Card billing.CardID `json:"card"`
}

func (s *Server) useCard(r *http.Request, on *operator.Operator, id string, b cardBody) (operator.Result, error) {
	return on.UseCard(r.Context(), billing.PlanID(id), b.Card)
}

type catchUpBody struct {
	CatchUp *billing.CatchUp `json:"catch_up"` // nil if left out, which does not mean daily
}

func (s *Server) setCatchUp(r *http.Request, on *operator.Operator, id string, b catchUpBody) (operator.Result, error) {
	if b.CatchUp == nil {
		return operator.Result{}, &billing.InvalidError{Fields: []billing.FieldError{{Field: "catch_up", Message: "is missing; use \"daily\", \"all\", \"latest\" or \"none\""}}}
	}
	return on.SetCatchUp(r.Context(), billing.PlanID(id), *b.CatchUp)
}

type skipBody struct {
	ToEnd  bool   `json:"to_end"`
	Every  string `json:"every"` // with to_end, for a plan without an interval of its own
	Reason string `json:"reason"`
}

func (s *Server) skipCharge(r *http.Request, on *operator.Operator, id string, b skipBody) (operator.Result, error) {
	if err := operator.CheckReason("reason", b.Reason); err != nil {
		return operator.Result{}, err
	}
	if b.ToEnd {
		return on.SkipToEnd(r.Context(), billing.ChargeID(id), b.Every, b.Reason)
	}
	return on.Skip(r.Context(), billing.ChargeID(id), b.Reason)
}

type dueBody struct {
	Due string `json:"due"`
}

func (s *Server) moveCharge(r *http.Request, on *operator.Operator, id string, b dueBody) (operator.Result, error) {
	return on.Move(r.Context(), billing.ChargeID(id), b.Due)
}

type amountBody struct {
	Amount int64 `json:"amount"`
}

func (s *Server) setAmount(r *http.Request, on *operator.Operator, id string, b amountBody) (operator.Result, error) {
	return on.SetAmount(r.Context(), billing.ChargeID(id), b.Amount)
}

type splitBody struct {
	First int64  `json:"first"`
	Due   string `json:"due"` // of the second part
}

func (s *Server) splitCharge(r *http.Request, on *operator.Operator, id string, b splitBody) (operator.Result, error) {
	return on.Split(r.Context(), billing.ChargeID(id), b.First, b.Due)
}

// retryCharge makes a charge due for a retry at once.
func retryCharge(s *Server) func(r *http.Request, on *operator.Operator, id string, _ noBody) (operator.Result, error) {
	return func(r *http.Request, on *operator.Operator, id string, _ noBody) (operator.Result, error) {
		charge, err := on.Retry(r.Context(), billing.ChargeID(id))
		return operator.Result{Plan: billing.Plan{ID: charge.PlanID}}, err
	}
}

type collectBody struct {
	Due string `json:"due"` // empty: now
}

func (s *Server) collectCharge(r *http.Request, on *operator.Operator, id string, b collectBody) (operator.Result, error) {
	return on.Collect(r.Context(), billing.ChargeID(id), b.Due)
}

func (s *Server) payCharge(r *http.Request, on *operator.Operator, id string, _ noBody) (operator.Result, error) {
	return on.Pay(r.Context(), billing.ChargeID(id))
}

type noteBody struct {
	Note string `json:"note"`
}

func (s *Server) paidOutside(r *http.Request, on *operator.Operator, id string, b noteBody) (operator.Result, error) {
	if err := operator.CheckReason("note", b.Note); err != nil {
		return operator.Result{}, err
	}
	return on.PaidOutside(r.Context(), billing.ChargeID(id), b.Note)
}

func (s *Server) writeOff(r *http.Request, on *operator.Operator, id string, b reasonBody) (operator.Result, error) {
	if err := operator.CheckReason("reason", b.Reason); err != nil {
		return operator.Result{}, err
	}
	return on.WriteOff(r.Context(), billing.ChargeID(id), b.Reason)
}

// refundDuplicate requests the refund of a charge's second payment.
func (s *Server) refundDuplicate(r *http.Request, on *operator.Operator, id string, _ noBody) (operator.Result, error) {
	return on.RefundDuplicate(r.Context(), billing.ChargeID(id))
}

// planVersions lists every version of a plan, oldest first.
func (s *Server) planVersions(w http.ResponseWriter, r *http.Request) {
	versions, err := billing.PlanVersions(r.Context(), s.Store, billing.PlanID(r.PathValue("id")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	list := view.List[view.Version]{Object: "list", Data: make([]view.Version, len(versions))}
	for i, v := range versions {
		list.Data[i] = view.NewVersion(v)
	}
	writeJSON(w, http.StatusOK, list)
}
