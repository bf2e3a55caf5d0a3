package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/timezone"
)

// AmountLimit is the minimum and maximum of one charge in a currency, in minor units. 0 keeps
// Stripe's limit.
type AmountLimit struct {
	Currency         string // ISO 4217 in lower case
	Minimum, Maximum int64
}

// String returns the limit in the form of the setting: usd=100..500000.
func (l AmountLimit) String() string {
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	return l.Currency + "=" + number(l.Minimum) + ".." + number(l.Maximum)
}

func planSettings() []entry {
	const group = "Plans"
	return []entry{
		{Setting{Name: "TRANCHE_CHARGE_TIME", Group: group, Default: "09:00",
			Doc: "The time of day when charges fall due, in the customer's time zone."},
			text(func(c *Config) *string { return &c.ChargeTime })},
		{Setting{Name: "TRANCHE_CHECKOUT_DAYS", Group: group, Default: "30",
			Doc: "Days after which a plan is canceled if its first payment, or its card, is still missing; it can't be paid afterwards. " +
				"A plan's own expires_after takes precedence. 0: never."},
			days(func(c *Config) *int { return &c.CheckoutDays })},
		{Setting{Name: "TRANCHE_DEFAULT_TIMEZONE", Group: group, Example: "Europe/Berlin",
			Doc: "The time zone of new customers if the request gives none. Empty: UTC. Existing customers keep theirs."},
			zone(func(c *Config) *string { return &c.DefaultTimeZone })},
		{Setting{Name: "TRANCHE_DEFAULT_LOCALE", Group: group, Example: "de-DE",
			Doc: "The language of new customers if the request gives none. Empty: English in mails, the browser's language on the page."},
			localeTag(func(c *Config) *string { return &c.DefaultLocale })},
		{Setting{Name: "TRANCHE_AMOUNT_LIMITS", Group: group, Example: "usd=100..500000,huf=17500..",
			Doc: "The minimum and maximum of one charge by currency, in minor units. They replace Stripe's limits: Stripe's minimum depends on " +
				"your account's payout currency."},
			limits(func(c *Config) *[]AmountLimit { return &c.AmountLimits })},
		{Setting{Name: "TRANCHE_HOLIDAYS", Group: group, Example: "2026-12-25,2026-12-26,2027-01-01",
			Doc: "Bank holidays, in addition to the weekend. Plans with business_day move charges to another day."},
			dates(func(c *Config) *[]time.Time { return &c.Holidays })},
		{Setting{Name: "TRANCHE_WEEKEND", Group: group, Default: "saturday,sunday",
			Doc: "The days of the week when banks are closed."},
			weekdays(func(c *Config) *[]time.Weekday { return &c.Weekend })},
	}
}

// zone reads the name of a time zone.
func zone(at func(*Config) *string) field {
	f := text(at)
	f.set = func(c *Config, v string) *complaint {
		if _, err := timezone.Load(v); v != "" && err != nil {
			return &complaint{fmt.Sprintf("is %.40q, not a time zone", v), "an IANA name, such as Europe/London"}
		}
		*at(c) = v
		return nil
	}
	return f
}

// tagShape is the form of a locale, as for a plan's customer.
var tagShape = regexp.MustCompile(`^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$`)

// localeTag reads a locale; empty means none.
func localeTag(at func(*Config) *string) field {
	f := text(at)
	f.set = func(c *Config, v string) *complaint {
		if v != "" && !tagShape.MatchString(v) {
			return &complaint{fmt.Sprintf("is %.40q, not a locale", v), "such as en-GB or de"}
		}
		*at(c) = v
		return nil
	}
	return f
}

// limits reads CURRENCY=MINIMUM..MAXIMUM, separated by commas.
func limits(at func(*Config) *[]AmountLimit) field {
	return parsed(at, "such as usd=100..500000, usd=100.. or usd=..500000, each currency once", AmountLimit.String,
		func(part string, before []AmountLimit) (AmountLimit, bool) {
			l, ok := parseLimit(part)
			return l, ok && !slices.ContainsFunc(before, func(b AmountLimit) bool { return b.Currency == l.Currency })
		})
}

func parseLimit(s string) (AmountLimit, bool) {
	currency, bounds, ok := strings.Cut(s, "=")
	least, most, dots := strings.Cut(bounds, "..")
	l := AmountLimit{Currency: strings.ToLower(strings.TrimSpace(currency))}
	for _, b := range []struct {
		text string
		to   *int64
	}{{least, &l.Minimum}, {most, &l.Maximum}} {
		if text := strings.TrimSpace(b.text); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n <= 0 {
				return l, false
			}
			*b.to = n
		}
	}
	shaped := len(l.Currency) == 3
	return l, ok && dots && shaped && (l.Maximum == 0 || l.Maximum >= l.Minimum) && l.Minimum+l.Maximum > 0
}

// dates reads days, separated by commas. They are at midnight UTC.
func dates(at func(*Config) *[]time.Time) field {
	return parsed(at, "such as 2026-12-25,2027-01-01", func(d time.Time) string { return d.Format(time.DateOnly) },
		func(part string, _ []time.Time) (time.Time, bool) {
			d, err := time.Parse(time.DateOnly, part)
			return d, err == nil
		})
}

// weekdays reads days of the week, separated by commas. At least one day must remain open.
func weekdays(at func(*Config) *[]time.Weekday) field {
	return parsed(at, "such as saturday,sunday; at most six days", func(d time.Weekday) string { return strings.ToLower(d.String()) },
		func(part string, before []time.Weekday) (time.Weekday, bool) {
			for d := time.Sunday; d <= time.Saturday; d++ {
				if strings.EqualFold(part, d.String()) {
					return d, !slices.Contains(before, d) && len(before) < 6
				}
			}
			return 0, false
		})
}

// parsed reads values separated by commas. It passes the values so far to each call of read.
func parsed[T any](at func(*Config) *[]T, hint string, write func(T) string, read func(part string, before []T) (T, bool)) field {
	return field{
		set: func(c *Config, v string) *complaint {
			var values []T
			for part := range strings.SplitSeq(v, ",") {
				part = strings.TrimSpace(part)
				if part == "" && v == "" {
					break
				}
				value, ok := read(part, values)
				if !ok {
					return &complaint{fmt.Sprintf("has %.40q in it", part), hint}
				}
				values = append(values, value)
			}
			*at(c) = values
			return nil
		},
		get: func(c *Config) string {
			texts := make([]string, len(*at(c)))
			for i, v := range *at(c) {
				texts[i] = write(v)
			}
			return strings.Join(texts, ",")
		},
	}
}
