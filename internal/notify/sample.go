package notify

import (
	"strings"
	"time"

	"tranche/internal/billing"
	"tranche/internal/locale"
)

// Sample is a notice of one kind with made-up data, to look at: in the locale's language, currency and time zone where
// these are known. now decides its dates.
func Sample(kind billing.NoticeKind, tag string, now time.Time) billing.Notice {
	at := sampleFor(tag)
	due := billing.DateOf(now, time.UTC).AddDays(3).At(billing.LocalTime{Hour: 9}, time.UTC)
	n := billing.Notice{
		ID: "ntc_sample", Kind: kind, PlanID: "plan_sample", ChargeID: "chg_sample", CustomerID: "cust_sample", Step: string(kind),
		Channel: billing.ChannelEmail, To: "ada@example.com", MessageID: "ntc_sample@tranche.invalid", CreatedAt: now,
		Data: billing.NoticeData{
			CustomerName: at.name, Locale: tag, TimeZone: at.zone, Reference: "order-1042", Sequence: 2, Of: 3,
			Amount: at.amount, Currency: at.currency, DueAt: due, PaymentIntent: "pi_sample", CardBrand: "visa", CardLast4: "4242",
		},
	}
	d := &n.Data
	following := due.AddDate(0, 1, 0)
	switch kind {
	case billing.NoticePaymentSucceeded:
		d.DueAt, d.FollowingDue, d.Following = due.AddDate(0, 0, -3), following, at.amount
	case billing.NoticePaymentFailed:
		d.DueAt, d.FailureReason, d.NextAttemptAt = due.AddDate(0, 0, -3), billing.ReasonFunds, due
	case billing.NoticeActionRequired:
		d.DueAt, d.FailureReason = due.AddDate(0, 0, -3), billing.ReasonAuthenticate
	case billing.NoticeFinal:
		d.DueAt, d.FailureReason, d.PayBy = due.AddDate(0, 0, -21), billing.ReasonFunds, due
	case billing.NoticePlanDefaulted:
		d.DueAt = due.AddDate(0, 0, -30)
	case billing.NoticePlanCompleted:
		n.ChargeID, d.Sequence, d.Amount = "", 0, 3*at.amount
	case billing.NoticePlanChanged:
		n.ChargeID, d.Sequence = "", 0
		later := following.AddDate(0, 1, 0)
		d.Schedule = []billing.NoticePayment{
			{Amount: at.amount, DueAt: due}, {Amount: at.amount * 3 / 2, DueAt: following.AddDate(0, 0, 7), WasAmount: at.amount, WasDue: following},
			{WasAmount: at.amount, WasDue: later},
		}
	case billing.NoticePlanResumed:
		n.ChargeID, d.Sequence = "", 0
		d.Schedule = []billing.NoticePayment{{Amount: at.amount, DueAt: due}, {Amount: at.amount, DueAt: following}}
	case billing.NoticePlanPaused, billing.NoticePlanCanceled:
		n.ChargeID, d.Sequence = "", 0
	case billing.NoticeCardExpiring, billing.NoticeCardUpdated:
		n.ChargeID, d.Sequence, d.DueAt, d.FollowingDue, d.Following = "", 0, following, following, at.amount
		d.CardExpiry = now.Format("01/06")
		if kind == billing.NoticeCardUpdated {
			d.CardBrand, d.CardLast4, d.CardExpiry = "mastercard", "4444", now.AddDate(3, 0, 0).Format("01/06")
		}
	}
	return n
}

type sampleData struct {
	name, zone string
	currency   billing.Currency
	amount     int64
}

// sampleFor are a name, a zone and an amount that are usual where the locale is.
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

// samplesFor are the notices that a template is tried on.
func samplesFor(name templateName) []billing.Notice {
	kinds, tags := billing.NoticeKinds(), locale.Tags()
	if name.kind != layoutName {
		kinds = []billing.NoticeKind{billing.NoticeKind(name.kind)}
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
