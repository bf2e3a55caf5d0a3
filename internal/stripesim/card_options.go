package stripesim

import "maps"

// shownOptions are the fields of payment_method_options[card] that an intent shows as they were
// sent; cvc_token, moto and three_d_secure are not shown.
var shownOptions = []string{
	"capture_method", "network", "request_extended_authorization", "request_incremental_authorization", "request_multicapture",
	"request_overcapture", "request_three_d_secure", "setup_future_usage",
}

// limitedOptions are the options with a few allowed values that the simulator supports.
var limitedOptions = params{
	"request_three_d_secure": enum("any", "automatic", "challenge"),
	"setup_future_usage":     clearable(enum("none", "off_session", "on_session")),
}

// changeOptions applies payment_method_options[card] to the options of an intent.
func changeOptions(old object, in *node) (object, *apiError) {
	given := in.get("payment_method_options").get("card")
	if given == nil {
		return old, nil
	}
	out := maps.Clone(old)
	for _, name := range shownOptions {
		if !given.has(name) {
			continue
		}
		if rule, ok := limitedOptions[name]; ok {
			if err := rule.check(given.get(name), "payment_method_options[card]["+name+"]"); err != nil {
				return nil, err.notSaved()
			}
		}
		if out[name] = given.str(name); out[name] == "" {
			delete(out, name)
		}
	}
	if given.has("mandate_options") {
		out["mandate_options"] = mandateOptions(given.get("mandate_options"))
	}
	return out, nil
}

// mandateOptions returns the mandate options of an Indian card.
func mandateOptions(in *node) object {
	return object{
		"amount": in.num("amount"), "amount_type": in.str("amount_type"), "description": orNull(in.str("description")),
		"end_date": orNull(in.num("end_date")), "interval": in.str("interval"), "interval_count": orNull(in.num("interval_count")),
		"reference": in.str("reference"), "start_date": in.num("start_date"), "supported_types": in.items("supported_types"),
	}
}

// usage returns the effective setup_future_usage for a card: payment_method_options comes first.
func (p *paymentIntent) usage() string {
	switch own, _ := p.cardOptions["setup_future_usage"].(string); own {
	case "":
		return p.setupFutureUsage
	case "none":
		return ""
	default:
		return own
	}
}
