package config

import (
	"fmt"
	"strconv"
)

// maxUpcomingDays limits how far ahead an advance notice makes sense.
const maxUpcomingDays = 60

// noticeSettings are the settings of customers' mails and their templates.
func noticeSettings() []entry {
	const mail = "Mail"
	return []entry{
		{Setting{Name: "TRANCHE_CONFIRM_PLANS", Group: mail, Default: "true",
			Doc: "Whether customers get a mail with every payment and its date when their plan begins. For imported plans, plan import --confirm decides."},
			flag(func(c *Config) *bool { return &c.ConfirmPlans })},
		{Setting{Name: "TRANCHE_CHECKOUT_REMINDER", Group: mail, Default: "false",
			Doc: "Whether customers who have not made their first payment, or entered their card, get one mail with a link to do so: a day after the " +
				"plan was created, or halfway to its expiry if that is sooner. It needs the recovery page or TRANCHE_RETURN_URL."},
			flag(func(c *Config) *bool { return &c.CheckoutReminder })},
		{Setting{Name: "TRANCHE_UPCOMING_DAYS", Group: mail, Default: "3",
			Doc: "Days between a customer's advance notice of a charge and its due date. 0: no notice."},
			days(func(c *Config) *int { return &c.UpcomingDays })},
		{Setting{Name: "TRANCHE_TEMPLATES", Group: mail, Example: "/etc/tranche/templates",
			Doc: "A folder with templates of your own for mails, such as payment_failed.html.tmpl; docs/notices.md describes them."},
			text(func(c *Config) *string { return &c.Templates })},
	}
}

// days is a number of days, 0 included.
func days(at func(*Config) *int) field {
	f := number(at)
	f.set = func(c *Config, v string) *complaint {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > maxUpcomingDays {
			return &complaint{fmt.Sprintf("is %.40q, not a number of days from 0 to %d", v, maxUpcomingDays), "such as 3"}
		}
		*at(c) = n
		return nil
	}
	return f
}
