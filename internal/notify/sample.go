package notify

import (
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/locale"
	"tranche/internal/money"
)

// SampleSeveral names the sample of a payment_failed notice whose mail covers several payments.
const SampleSeveral billing.NoticeKind = "several_failed"

// SampleKinds returns the kinds that Sample accepts: each kind of notice, and SampleSeveral.
func SampleKinds() []billing.NoticeKind { return append(billing.NoticeKinds(), SampleSeveral) }

// Sample returns a notice of a kind with invented data, in the locale's language, currency and time
// zone if they are known. now determines its dates.
func Sample(kind billing.NoticeKind, tag string, now time.Time) billing.Notice {
	if kind == SampleSeveral {
		return sampleSeveral(tag, now)
	}
	at := sampleFor(tag)
	due := calendar.DateOf(now, time.UTC).AddDays(3).At(calendar.LocalTime{Hour: 9}, time.UTC)
	n := billing.Notice{
		ID: "ntc_sample", Kind: kind, PlanID: "plan_sample", ChargeID: "chg_sample", CustomerID: "cust_sample", Step: string(kind),
		Channel: billing.ChannelEmail, To: "ada@example.com", MessageID: "ntc_sample@tranche.invalid", CreatedAt: now,
		Data: billing.NoticeData{
			CustomerName: at.name, Locale: tag, TimeZone: at.zone, Reference: "order-1042", Sequence: 2, Of: 3,
			Amount: at.amount, Currency: at.currency, DueAt: due, PaymentIntent: "pi_sample", CardBrand: "visa", CardLast4: "4242",
		},
	}
	sampleOfCharge(&n, due)
	sampleOfPlan(&n, due)
	sampleOfCard(&n, due, now)
	return n
}

// sampleOfCharge fills in the data of a notice about a charge.
func sampleOfCharge(n *billing.Notice, due time.Time) {
	d := &n.Data
	switch n.Kind {
	case billing.NoticeCheckoutReminder:
		d.Sequence, d.DueAt, d.CardBrand, d.CardLast4 = 1, due.AddDate(0, 0, -4), "", ""
	case billing.NoticePaymentSucceeded:
		d.DueAt, d.FollowingDue, d.Following = due.AddDate(0, 0, -3), due.AddDate(0, 1, 0), d.Amount
	case billing.NoticePaymentFailed:
		d.DueAt, d.FailureReason, d.NextAttemptAt = due.AddDate(0, 0, -3), billing.ReasonFunds, due
	case billing.NoticeActionRequired:
		d.DueAt, d.FailureReason = due.AddDate(0, 0, -3), billing.ReasonAuthenticate
	case billing.NoticeFinal:
		d.DueAt, d.FailureReason, d.PayBy = due.AddDate(0, 0, -21), billing.ReasonFunds, due
	case billing.NoticePlanDefaulted:
		d.DueAt = due.AddDate(0, 0, -30)
	}
}

// sampleOfPlan fills in the data of a notice about a plan.
func sampleOfPlan(n *billing.Notice, due time.Time) {
	d, following, amount := &n.Data, due.AddDate(0, 1, 0), n.Data.Amount
	switch n.Kind {
	case billing.NoticePlanCompleted:
		n.ChargeID, d.Sequence, d.Amount = "", 0, 3*amount
	case billing.NoticePlanStarted:
		n.ChargeID, d.Sequence, d.Amount = "", 0, 3*amount
		d.Schedule = []billing.NoticePayment{
			{Amount: amount, DueAt: due.AddDate(0, 0, -3), Paid: true}, {Amount: amount, DueAt: following}, {Amount: amount, DueAt: following.AddDate(0, 1, 0)},
		}
	case billing.NoticePlanChanged:
		n.ChargeID, d.Sequence = "", 0
		later := following.AddDate(0, 1, 0)
		d.Schedule = []billing.NoticePayment{
			{Amount: amount, DueAt: due}, {Amount: amount * 3 / 2, DueAt: following.AddDate(0, 0, 7), WasAmount: amount, WasDue: following},
			{WasAmount: amount, WasDue: later},
		}
	case billing.NoticePlanResumed:
		n.ChargeID, d.Sequence = "", 0
		d.Schedule = []billing.NoticePayment{{Amount: amount, DueAt: due}, {Amount: amount, DueAt: following}}
	case billing.NoticePlanPaused, billing.NoticePlanCanceled:
		n.ChargeID, d.Sequence = "", 0
	}
}

// sampleOfCard fills in the data of a notice about a card.
func sampleOfCard(n *billing.Notice, due, now time.Time) {
	d, following := &n.Data, due.AddDate(0, 1, 0)
	switch n.Kind {
	case billing.NoticeCardExpiring, billing.NoticeCardNeeded, billing.NoticeCardUpdated:
		n.ChargeID, d.Sequence, d.DueAt, d.FollowingDue, d.Following = "", 0, following, following, d.Amount
		d.CardExpiry = now.Format("01/06")
		if n.Kind == billing.NoticeCardNeeded {
			d.CardBrand, d.CardLast4, d.CardExpiry = "", "", ""
		}
		if n.Kind == billing.NoticeCardUpdated {
			d.CardBrand, d.CardLast4, d.CardExpiry = "mastercard", "4444", now.AddDate(3, 0, 0).Format("01/06")
		}
	}
}

// sampleSeveral returns a failed payment whose mail also covers one payment of the same plan and
// one of another.
func sampleSeveral(tag string, now time.Time) billing.Notice {
	n := Sample(billing.NoticePaymentFailed, tag, now)
	d := &n.Data
	d.Others = []billing.GatheredNotice{
		{Notice: "ntc_other", Plan: n.PlanID, Charge: "chg_other", Reference: d.Reference, PaymentIntent: "pi_other", Amount: d.Amount,
			DueAt: d.DueAt.AddDate(0, 0, -7), FailureReason: d.FailureReason, NextAttemptAt: d.NextAttemptAt},
		{Notice: "ntc_another", Plan: "plan_another", Charge: "chg_another", Reference: "order-1077", PaymentIntent: "pi_another", Amount: d.Amount / 3,
			DueAt: d.DueAt, FailureReason: d.FailureReason},
	}
	return n
}

type sampleData struct {
	name, zone string
	currency   money.Currency
	amount     int64
}

// sampleFor returns a name, a zone and an amount that are typical of a locale.
func sampleFor(tag string) sampleData {
	base, region, _ := strings.Cut(locale.Match(tag).Tag(), "-")
	switch {
	case region == "GB":
		return sampleData{"Ada Lovelace", "Europe/London", "gbp", 33300}
	case region == "CH":
		return sampleData{"Anna Muster", "Europe/Zurich", "chf", 33300}
	case base == "de":
		return sampleData{"Anna Muster", "Europe/Berlin", "eur", 33300}
	case base == "fr":
		return sampleData{"Camille Martin", "Europe/Paris", "eur", 33300}
	case base == "es":
		return sampleData{"Lucía García", "Europe/Madrid", "eur", 33300}
	case base == "it":
		return sampleData{"Giulia Rossi", "Europe/Rome", "eur", 33300}
	case base == "pt" && region == "PT":
		return sampleData{"Maria Silva", "Europe/Lisbon", "eur", 33300}
	case base == "pt":
		return sampleData{"Maria Silva", "America/Sao_Paulo", "brl", 33300}
	case base == "nl":
		return sampleData{"Sanne de Vries", "Europe/Amsterdam", "eur", 33300}
	case base == "ja":
		return sampleData{"山田太郎", "Asia/Tokyo", "jpy", 33300}
	}
	return sampleData{"Ada Lovelace", "America/New_York", "usd", 33300}
}

// samplesFor returns the notices that a template is tested with.
func samplesFor(name templateName) []billing.Notice {
	kinds, tags := SampleKinds(), locale.Tags()
	if name.kind != layoutName {
		kinds = []billing.NoticeKind{billing.NoticeKind(name.kind)}
		if name.kind == string(billing.NoticePaymentFailed) {
			kinds = append(kinds, SampleSeveral)
		}
	}
	if name.lang != "" {
		tags = []string{name.lang}
	}
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var notices []billing.Notice
	for _, kind := range kinds {
		for _, tag := range tags {
			full := Sample(kind, tag, now)
			bare := full
			bare.Data = billing.NoticeData{Locale: tag, Reference: "order-1042", Amount: 1, Currency: "usd"}
			notices = append(notices, full, bare)
		}
	}
	return notices
}
