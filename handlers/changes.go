package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"

	"tranche/internal/billing"
	"tranche/internal/operator"
)

// changeAPI carries out the operations on plans and charges: see docs/changes.md.
type changeAPI struct {
	base
	operator *operator.Operator
}

func (a changeAPI) routes(api *router) {
	for _, spec := range operator.Operations() {
		if spec.NewInput != nil && !spec.Variant() {
			api.handle(spec.Route, a.changing(spec.NewInput))
		}
	}
}

// changing returns a handler that reads the optional body of a change, makes the change and answers
// with the plan.
func (a changeAPI) changing(newInput func() operator.Input) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in := newInput()
		on, ok := a.changeOn(w, r, in)
		if !ok {
			return
		}
		result, err := in.Make(r.Context(), on, r.PathValue("id"))
		a.answerPlan(w, r, result.Plan, err)
	}
}

// changeOn reads the optional body of a change and returns the operator for the change, which mails
// the customer unless the body has "notify": false. If the body is invalid, changeOn sends the
// answer and returns false.
func (a changeAPI) changeOn(w http.ResponseWriter, r *http.Request, body any) (*operator.Operator, bool) {
	on, ok := a.changeOnce(w, r)
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

// answerPlan answers a change with the plan.
func (a changeAPI) answerPlan(w http.ResponseWriter, r *http.Request, plan billing.Plan, err error) {
	if done, ok := errors.AsType[*operator.DoneError](err); ok {
		a.answerLate(w, r, done.Request)
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.writePlan(w, r, plan.ID)
}
