package app

import (
	"tranche/config"
	"tranche/internal/billing"
)

// Rules returns the rules for all plans that the settings contain. Errors: *config.Error if a limit
// is for a currency that Stripe can't charge.
func Rules(cfg config.Config) (billing.Rules, error) {
	chargeTime, err := billing.ParseLocalTime(cfg.ChargeTime)
	if err != nil {
		return billing.Rules{}, err
	}
	rules := billing.Rules{ChargeTime: chargeTime, TimeZone: cfg.DefaultTimeZone, Locale: cfg.DefaultLocale, Confirm: cfg.ConfirmPlans, CheckoutDays: cfg.CheckoutDays, Limits: billing.Limits{}, Holidays: billing.Holidays{Weekend: cfg.Weekend, Dates: map[billing.Date]bool{}}}
	for _, day := range cfg.Holidays {
		rules.Holidays.Dates[billing.DateOf(day, day.Location())] = true
	}
	for _, l := range cfg.AmountLimits {
		currency := billing.Currency(l.Currency)
		if !currency.Known() {
			return billing.Rules{}, &config.Error{Faults: []config.Fault{{
				Setting: "TRANCHE_AMOUNT_LIMITS", Problem: "names " + l.Currency + ", which Stripe can't charge", Hint: "a code like usd or eur",
			}}}
		}
		rules.Limits[currency] = billing.Limit{Minimum: l.Minimum, Maximum: l.Maximum}
	}
	return rules, nil
}
