package dunning_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/billing"
	"tranche/internal/calendar"
	"tranche/internal/dunning"
)

var (
	policy = dunning.DefaultPolicy(calendar.LocalTime{Hour: 9})
	now    = time.Date(2026, 3, 27, 23, 30, 0, 0, time.UTC)
	london = billing.LoadLocation("Europe/London")
)

func declined(code string) billing.Failure {
	return billing.Failure{Code: "card_declined", DeclineCode: code}
}

// happened returns the history of a charge that was declined with one code at each of the given
// times, the last one now.
func happened(f billing.Failure, at ...time.Time) dunning.History {
	h := dunning.History{
		Charge: "chg_1", Now: at[len(at)-1], Location: london, Kind: dunning.FailureDeclined, Failure: f, Brand: "visa", PaymentMethod: "pm_1",
	}
	for i, t := range at {
		h.Attempts = append(h.Attempts, billing.Attempt{
			Number: i + 1, Initiator: billing.InitiatorMerchant, Outcome: billing.OutcomeDeclined, Failure: f, CreatedAt: t,
			Params: billing.PaymentParams{PaymentMethod: "pm_1"},
		})
		h.CardDeclines = append(h.CardDeclines, t)
	}
	return h
}

func decide(p dunning.Policy, h dunning.History) dunning.Decision {
	return dunning.Decide(dunning.Timetable{}, p, h)
}

func TestDecide_EachClass(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   string
		class  dunning.Class
		status billing.ChargeStatus
		notice billing.NoticeKind
		timed  bool
		revoke bool
		pause  bool
	}{
		{"insufficient_funds", dunning.ClassFunds, billing.ChargeRetrying, billing.NoticePaymentFailed, true, false, false},
		{"card_velocity_exceeded", dunning.ClassLimit, billing.ChargeRetrying, billing.NoticePaymentFailed, true, false, false},
		{"processing_error", dunning.ClassTemporary, billing.ChargeRetrying, billing.NoticePaymentFailed, true, false, false},
		{"do_not_honor", dunning.ClassDeclined, billing.ChargeRetrying, billing.NoticePaymentFailed, true, false, false},
		{"authentication_required", dunning.ClassAuthenticate, billing.ChargeRequiresAction, billing.NoticeActionRequired, false, false, false},
		{"expired_card", dunning.ClassNewCard, billing.ChargeRequiresPaymentMethod, billing.NoticePaymentFailed, false, false, false},
		{"lost_card", dunning.ClassStop, billing.ChargeFailed, billing.NoticePaymentFailed, false, true, false},
		{"revocation_of_all_authorizations", dunning.ClassWithdrawn, billing.ChargeFailed, billing.NoticePaymentFailed, false, true, true},
		{"duplicate_transaction", dunning.ClassOperator, billing.ChargeRetrying, "", true, false, false},
	} {
		d := decide(policy, happened(declined(tc.code), now))
		require.Equal(t, tc.class, d.Class, tc.code)
		require.Equal(t, tc.status, d.Status, tc.code)
		require.Equal(t, tc.notice, d.Notice, tc.code)
		require.Equal(t, tc.timed, !d.NextAttemptAt.IsZero(), tc.code)
		require.Equal(t, tc.revoke, d.RevokeCard, tc.code)
		require.Equal(t, tc.pause, d.PausePlan, tc.code)
		require.Contains(t, d.Reason, tc.code)
	}
}

func TestDecide_RetriesFollowTheDays(t *testing.T) {
	t.Parallel()
	p := policy
	p.Jitter = 0
	p.Declined = dunning.Ladder{Days: []int{2, 3, 4, 7}, Times: []string{"09:00", "10:30", "18:00", "08:00"}}
	times := []time.Time{now}
	var shown []string
	for {
		d := decide(p, happened(declined("do_not_honor"), times...))
		if d.Status == billing.ChargeFailed {
			require.True(t, d.NextAttemptAt.IsZero())
			require.Contains(t, d.Reason, "no retry is left")
			break
		}
		shown = append(shown, d.NextAttemptAt.In(london).Format("Mon 02 15:04 MST"))
		times = append(times, d.NextAttemptAt)
	}
	require.Equal(t, []string{"Sun 29 09:00 BST", "Wed 01 10:30 BST", "Sun 05 18:00 BST", "Sun 12 08:00 BST"}, shown, "across the change to summer time too")
}

func TestDecide_MerchantsFaultHasNoNotice(t *testing.T) {
	t.Parallel()
	var attempts []billing.Attempt
	for failed := 1; failed <= len(policy.Operator.Days)+1; failed++ {
		f := billing.Failure{Code: "parameter_invalid_integer"}
		attempts = append(attempts, billing.Attempt{Initiator: billing.InitiatorMerchant, Outcome: billing.OutcomeError, Failure: f})
		d := decide(policy, dunning.History{
			Charge: "chg_1", Now: now, Location: london, Kind: dunning.FailureRejected, Failure: f, Detail: "no such thing", Attempts: attempts,
		})
		require.Empty(t, d.Notice)
		require.Contains(t, d.Reason, "no such thing")
		want := billing.ChargeRetrying
		if failed > len(policy.Operator.Days) {
			want = billing.ChargeFailed
		}
		require.Equal(t, want, d.Status)
	}
}

func TestDecide_PlanWithoutCard(t *testing.T) {
	t.Parallel()
	d := decide(policy, dunning.History{Charge: "chg_1", Now: now, Location: london, Kind: dunning.FailureNoCard, Detail: "no card was saved"})
	require.Equal(t, billing.ChargeRequiresPaymentMethod, d.Status)
	require.Equal(t, billing.ReasonNoCard, d.CustomerReason)
	require.Equal(t, "no card was saved", d.Reason)
}

func TestDecide_BackupCard(t *testing.T) {
	t.Parallel()
	allowed := policy
	allowed.BackupCards = true
	for _, tc := range []struct {
		why    string
		policy dunning.Policy
		code   string
		times  int
		backup bool
	}{
		{"the card is unusable", allowed, "expired_card", 1, true},
		{"the card is stolen", allowed, "stolen_card", 1, true},
		{"time may help", allowed, "insufficient_funds", 1, false},
		{"time did not help", allowed, "insufficient_funds", 1 + len(policy.Funds.Days), true},
		{"the customer is asked first", allowed, "authentication_required", 1, false},
		{"consent was withdrawn", allowed, "revocation_of_authorization", 1, false},
		{"the policy does not allow it", policy, "expired_card", 1, false},
	} {
		times := make([]time.Time, tc.times)
		for i := range times {
			times[i] = now.AddDate(0, 0, i-tc.times+1)
		}
		h := happened(declined(tc.code), times...)
		h.Backup = true
		d := decide(tc.policy, h)
		require.Equal(t, tc.backup, d.UseBackup, tc.why)
		if tc.backup {
			require.Equal(t, billing.ChargeRetrying, d.Status)
			require.Equal(t, now, d.NextAttemptAt)
			require.Empty(t, d.Notice, "the customer gets a notice if that card fails too")
			require.Equal(t, tc.code == "stolen_card", d.RevokeCard)
		}
	}
}

func TestDecide_AnotherCardRestartsTheDays(t *testing.T) {
	t.Parallel()
	h := happened(declined("do_not_honor"), now.AddDate(0, 0, -9), now.AddDate(0, 0, -7), now.AddDate(0, 0, -3), now)
	for i := range h.Attempts[:3] {
		h.Attempts[i].Params.PaymentMethod = "pm_0"
	}
	require.Contains(t, decide(policy, h).Reason, "retry 1 of 4")
}

func TestDecide_AttemptsStayWithinStripesAdvice(t *testing.T) {
	t.Parallel()
	for _, l := range []dunning.Ladder{policy.Funds, policy.Limit, policy.Temporary, policy.Declined, policy.Operator} {
		require.LessOrEqual(t, 1+len(l.Days), dunning.StripesMaxRetries)
	}
	p := policy
	p.Declined.Days = []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	times := make([]time.Time, dunning.StripesMaxRetries)
	for i := range times {
		times[i] = now.AddDate(0, 0, i-len(times)+1)
	}
	d := decide(p, happened(declined("do_not_honor"), times...))
	require.Equal(t, billing.ChargeFailed, d.Status, "even if the days allow more")
	require.Contains(t, d.Reason, "as often as the policy allows")
}

func TestDecide_NoRetryAfterDeadline(t *testing.T) {
	t.Parallel()
	h := happened(declined("do_not_honor"), now)
	h.Deadline = now.AddDate(0, 0, 1)
	d := decide(policy, h)
	require.Equal(t, billing.ChargeFailed, d.Status)
	require.Contains(t, d.Reason, "deadline")
}

// reckless retries everything in a minute.
type reckless struct{}

// Next retries in a minute.
func (reckless) Next(_ dunning.Policy, h dunning.History, _ dunning.Verdict) dunning.Decision {
	return dunning.Decision{Status: billing.ChargeRetrying, NextAttemptAt: h.Now.Add(time.Minute), Reason: "why not"}
}

func TestDecide_EngineCannotBreakTheRules(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"stolen_card", "authentication_required", "revocation_of_authorization", "expired_card"} {
		d := dunning.Decide(reckless{}, policy, happened(declined(code), now))
		require.NotEqual(t, billing.ChargeRetrying, d.Status, code)
		require.True(t, d.NextAttemptAt.IsZero(), code)
	}
	advised := declined("generic_decline")
	advised.AdviceCode = "do_not_try_again"
	require.NotEqual(t, billing.ChargeRetrying, dunning.Decide(reckless{}, policy, happened(advised, now)).Status)

	h := happened(declined("do_not_honor"), now)
	h.CardDeclines = repeated(now, 20)
	d := dunning.Decide(reckless{}, policy, h)
	require.False(t, d.NextAttemptAt.Before(now.AddDate(0, 0, 30)), "not before the network's window allows it")
}

func repeated(at time.Time, n int) []time.Time {
	list := make([]time.Time, n)
	for i := range list {
		list[i] = at
	}
	return list
}

func TestFinalNotice_IsTheLastRequest(t *testing.T) {
	t.Parallel()
	retried := happened(declined("do_not_honor"), now.AddDate(0, 0, -2), now)
	for _, tc := range []struct {
		why    string
		change func(h *dunning.History)
		want   billing.NoticeKind
	}{
		{"before the final notice", func(h *dunning.History) { h.FinalSent = false }, billing.NoticePaymentFailed},
		{"a planned retry failed", func(*dunning.History) {}, ""},
		{"the customer's new card failed", func(h *dunning.History) { h.Attempts[0].Params.PaymentMethod = "pm_0" }, billing.NoticePaymentFailed},
		{"a backup card failed", func(h *dunning.History) {
			h.Attempts[0].Params.PaymentMethod, h.OnBackup = "pm_0", true
		}, ""},
		{"the card was removed", func(h *dunning.History) { h.Kind, h.PaymentMethod = dunning.FailureNoCard, "" }, ""},
	} {
		h := retried
		h.Attempts = slices.Clone(retried.Attempts)
		h.FinalSent = true
		tc.change(&h)
		require.Equal(t, tc.want, decide(policy, h).Notice, tc.why)
	}
}

func TestPolicy_CanonicalRoundTrip(t *testing.T) {
	t.Parallel()
	content, hash, err := policy.Canonical()
	require.NoError(t, err)
	read, err := dunning.ReadPolicy(content)
	require.NoError(t, err)
	require.Equal(t, policy, read)
	again, sameHash, err := read.Canonical()
	require.NoError(t, err)
	require.Equal(t, string(content), string(again))
	require.Equal(t, hash, sameHash)
	read.DeadlineDays++
	_, other, err := read.Canonical()
	require.NoError(t, err)
	require.NotEqual(t, hash, other)
	_, err = dunning.ReadPolicy([]byte("{"))
	require.Error(t, err)
	require.NotContains(t, string(content), "\n")
}
