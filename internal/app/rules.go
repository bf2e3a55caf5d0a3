package app

import (
	"tranche/config"
	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/money"
)

// Rules returns the rules for all plans that the settings contain. Errors: *config.Error if a limit
// is for a currency that Stripe can't charge.
func Rules(cfg config.Config) (billing.Rules, error) {
	chargeTime, err := calendar.ParseLocalTime(cfg.ChargeTime)
	if err != nil {
		return billing.Rules{}, err
	}
	rules := billing.Rules{ChargeTime: chargeTime, TimeZone: cfg.DefaultTimeZone, Locale: cfg.DefaultLocale, Confirm: cfg.ConfirmPlans, CheckoutDays: cfg.CheckoutDays, Limits: money.Limits{}, Holidays: calendar.Holidays{Weekend: cfg.Weekend, Dates: map[calendar.Date]bool{}}}
	for _, day := range cfg.Holidays {
		rules.Holidays.Dates[calendar.DateOf(day, day.Location())] = true
	}
	for _, l := range cfg.AmountLimits {
		currency := money.Currency(l.Currency)
		if !currency.Known() {
			return billing.Rules{}, &config.Error{Faults: []config.Fault{{
				Setting: "TRANCHE_AMOUNT_LIMITS", Problem: "names " + l.Currency + ", which Stripe can't charge", Hint: "a code like usd or eur",
			}}}
		}
		rules.Limits[currency] = money.Limit{Minimum: l.Minimum, Maximum: l.Maximum}
	}
	return rules, nil
}
