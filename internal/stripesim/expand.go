package stripesim

import (
	"fmt"
	"slices"
	"strings"
)

// maxExpandDepth is Stripe's limit on the parts of an expand path.
const maxExpandDepth = 4

// expandable are the fields that hold an id which expand[] can replace.
var expandable = []string{
	"payment_method", "latest_charge", "customer", "charge", "payment_intent", "default_payment_method", "balance_transaction",
	"application_fee", "refunds", "on_behalf_of", "destination", "dispute", "failure_balance_transaction", "invoice", "review",
	"source_transfer", "source_transfer_reversal", "transfer_reversal", "application", "mandate", "latest_attempt", "default_source",
	"test_clock", "single_use_mandate",
}

// expandContainers are the fields that an expand path may pass through.
var expandContainers = []string{"data", "last_payment_error", "last_setup_error", "invoice_settings", "transfer_data"}

// checkExpand refuses impossible paths before anything is executed.
func checkExpand(in *node) *apiError {
	for _, path := range in.items("expand") {
		for part := range strings.SplitSeq(path, ".") {
			if !slices.Contains(expandable, part) && !slices.Contains(expandContainers, part) {
				return cannotExpand(path).notSaved()
			}
		}
	}
	return nil
}

// expand replaces ids with objects as the expand[] parameters request.
func (s *Server) expand(c *call, result any) (any, *apiError) {
	top, ok := result.(object)
	if !ok {
		return result, nil
	}
	for _, path := range c.in.items("expand") {
		parts := strings.Split(path, ".")
		if len(parts) > maxExpandDepth {
			return nil, invalid("", fmt.Sprintf("You cannot expand more than %d levels of a property (%s).", maxExpandDepth, path)).on("expand")
		}
		if err := s.expandPath(top, parts, path); err != nil {
			return nil, err
		}
	}
	return top, nil
}

func (s *Server) expandPath(at object, parts []string, whole string) *apiError {
	if len(parts) == 0 {
		return nil
	}
	name := parts[0]
	if name == "refunds" && at["object"] == "charge" {
		return s.expandRefunds(at, parts[1:], whole)
	}
	switch value := at[name].(type) {
	case []any:
		return s.expandEach(value, parts[1:], whole)
	case object:
		if len(parts) == 1 && value["id"] == nil {
			return cannotExpand(whole)
		}
		return s.expandPath(value, parts[1:], whole)
	}
	return s.expandID(at, parts, whole)
}

// expandID replaces an id with its object; it expands nothing if the field is empty.
func (s *Server) expandID(at object, parts []string, whole string) *apiError {
	name := parts[0]
	if !slices.Contains(expandable, name) {
		return cannotExpand(whole)
	}
	if at[name] == nil {
		return nil
	}
	id, _ := at[name].(string)
	found := s.lookup(id)
	if found == nil {
		return cannotExpand(whole)
	}
	at[name] = found
	return s.expandPath(found, parts[1:], whole)
}

// expandRefunds adds the refunds of a charge, and expands their fields.
func (s *Server) expandRefunds(of object, parts []string, whole string) *apiError {
	s.showRefunds(of)
	refunds, ok := of["refunds"].(object)
	if len(parts) == 0 || !ok {
		return nil
	}
	return s.expandPath(refunds, parts, whole)
}

// showRefunds adds the refunds of a charge, newest first, which a charge shows on request only.
func (s *Server) showRefunds(of object) {
	var data []any
	for _, one := range s.state.refunds.oldestFirst() {
		if one.charge == of["id"] {
			data = append([]any{one.view()}, data...)
		}
	}
	of["refunds"] = list(fmt.Sprintf("/v1/charges/%v/refunds", of["id"]), data, false)
}

func (s *Server) expandEach(items []any, parts []string, whole string) *apiError {
	if len(parts) == 0 {
		return cannotExpand(whole)
	}
	for _, item := range items {
		if one, ok := item.(object); ok {
			if err := s.expandPath(one, parts, whole); err != nil {
				return err
			}
		}
	}
	return nil
}

func cannotExpand(path string) *apiError {
	return invalid("", fmt.Sprintf("This property cannot be expanded (%s).", path)).on("expand")
}

// lookup renders the object behind any id, or nil.
func (s *Server) lookup(id string) object {
	prefix, _, _ := strings.Cut(id, "_")
	switch prefix {
	case "cus":
		return viewOf(s.state.customers, id, (*customer).view)
	case "pm":
		return viewOf(s.state.paymentMethods, id, (*paymentMethod).view)
	case "pi":
		return viewOf(s.state.paymentIntents, id, (*paymentIntent).view)
	case "ch":
		return viewOf(s.state.charges, id, (*charge).view)
	case "re":
		return viewOf(s.state.refunds, id, (*refund).view)
	case "dp":
		return viewOf(s.state.disputes, id, (*dispute).view)
	case "txn":
		return s.balanceTransaction(id)
	case "fee":
		return s.applicationFee(id)
	case "acct":
		return s.accountOf(id)
	}
	return nil
}

func viewOf[T any](in *table[T], id string, view func(T) object) object {
	value, ok := in.get(id)
	if !ok {
		return nil
	}
	return view(value)
}
