package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"tranche/internal/billing"
)

func incidentTests() map[string]func(*testing.T, *fixture) {
	return map[string]func(*testing.T, *fixture){
		"an incident is opened once and closed once":     openAndCloseIncident,
		"an incident of many at once is opened by one":   openIncidentByMany,
		"incidents are listed to their end":              listIncidents,
		"the backlog groups open incidents by kind":      incidentBacklog,
		"changes of an incident reach endpoints":         incidentMessages,
		"an incident about no plan":                      incidentAlone,
		"a deleted plan leaves no incident":              deletedWithIncidents,
		"an incident of an unknown plan is refused":      incidentOfNoPlan,
		"a second incident after the first was answered": reopenedIncident,
	}
}

// incident opens an incident about a subject and returns it.
func (f *fixture) incident(kind billing.IncidentKind, subject string, plan billing.PlanID) billing.Incident {
	f.t.Helper()
	f.update(func(tx billing.Tx) error {
		opened, err := tx.OpenIncident(f.t.Context(), billing.Incident{Kind: kind, Subject: subject, PlanID: plan, Detail: "of " + subject, OpenedAt: f.now})
		require.True(f.t, opened)
		return err
	})
	list, err := f.Incidents(f.t.Context(), billing.IncidentFilter{Open: true, Kind: kind, Subject: subject})
	require.NoError(f.t, err)
	require.Len(f.t, list, 1)
	return list[0]
}

func openAndCloseIncident(t *testing.T, f *fixture) {
	ctx := billing.ActingAs(t.Context(), billing.Party{Actor: "worker", Name: "a person"})
	p, charges := f.plan(1)
	var i billing.Incident
	fill(&i, 1)
	i.PlanID, i.ChargeID, i.CustomerID = p.ID, charges[0].ID, p.CustomerID
	f.update(func(tx billing.Tx) error {
		opened, err := tx.OpenIncident(ctx, i)
		require.True(t, opened)
		return err
	})
	stored, err := f.Incidents(ctx, billing.IncidentFilter{})
	require.NoError(t, err)
	i.ID, i.ClosedAt, i.ClosedBy, i.Note = stored[0].ID, time.Time{}, "", ""
	require.Equal(t, []billing.Incident{i}, stored)
	require.True(t, stored[0].Open())
	same(t, i)(f.Incident(ctx, i.ID))
	same(t, []billing.Incident{i})(f.OpenIncidents(ctx, p.ID, "plan_other"))

	again := i
	again.Detail, again.OpenedAt = "another", i.OpenedAt.Add(time.Hour)
	f.update(func(tx billing.Tx) error {
		opened, err := tx.OpenIncident(ctx, again)
		require.False(t, opened)
		return err
	})
	later := i.OpenedAt.Add(2 * time.Hour)
	f.update(func(tx billing.Tx) error {
		return tx.CloseIncidents(ctx, i.Kind, "other", "", later)
	})
	byKey := billing.ActingAs(ctx, billing.Party{Actor: "key:1"})
	f.update(func(tx billing.Tx) error {
		return tx.CloseIncidents(byKey, i.Kind, i.Subject, "paid", later)
	})
	i.ClosedAt, i.ClosedBy, i.Note = later, "key:1", "paid"
	same(t, i)(f.Incident(ctx, i.ID))
	f.update(func(tx billing.Tx) error {
		closed, err := tx.CloseIncident(ctx, i.ID, "again", later.Add(time.Hour))
		require.Equal(t, i, closed, "it is closed already")
		return err
	})
	same(t, []billing.Incident(nil))(f.OpenIncidents(ctx, p.ID))

	trail, err := f.AuditTrail(ctx, billing.AuditFilter{Plan: p.ID})
	require.NoError(t, err)
	require.Len(t, trail, 2)
	require.Equal(t, billing.AuditEntry{
		Seq: trail[0].Seq, At: i.OpenedAt, Actor: "worker", ActorName: "a person", Action: "incident.opened", PlanID: p.ID, ChargeID: i.ChargeID, CustomerID: i.CustomerID,
		IncidentID: i.ID, Message: i.Detail, Next: i.Remedy,
	}, trail[0])
	require.Equal(t, "incident.closed", trail[1].Action)
	require.Equal(t, billing.Party{Actor: "key:1"}, trail[1].Party())
	require.Contains(t, trail[1].Message, "paid")
	_, err = f.Incident(ctx, "inc_none")
	require.ErrorIs(t, err, billing.ErrNotFound)
	require.ErrorIs(t, f.Update(ctx, func(tx billing.Tx) error {
		_, err := tx.CloseIncident(ctx, "inc_none", "", later)
		return err
	}), billing.ErrNotFound)
}

func openIncidentByMany(t *testing.T, f *fixture) {
	var opened atomic.Int32
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			return f.Update(t.Context(), func(tx billing.Tx) error {
				first, err := tx.OpenIncident(t.Context(), billing.Incident{Kind: billing.IncidentPaidTwice, Subject: "pi_1", OpenedAt: f.now})
				if first {
					opened.Add(1)
				}
				return err
			})
		})
	}
	require.NoError(t, g.Wait())
	require.EqualValues(t, 1, opened.Load())
}

func listIncidents(t *testing.T, f *fixture) {
	p, _ := f.plan(1)
	var want []billing.IncidentID // newest first
	for n := range 5 {
		f.now = f.now.Add(time.Second)
		i := f.incident(billing.IncidentPaidTwice, string(rune('a'+n)), p.ID)
		want = append([]billing.IncidentID{i.ID}, want...)
	}
	other := f.incident(billing.IncidentRefundFailed, "a", "")
	f.update(func(tx billing.Tx) error {
		_, err := tx.CloseIncident(t.Context(), want[0], "", f.now)
		return err
	})
	read := func(filter billing.IncidentFilter) (ids []billing.IncidentID) {
		filter.Limit = 2
		for {
			list, err := f.Incidents(t.Context(), filter)
			require.NoError(t, err)
			for _, i := range list {
				ids = append(ids, i.ID)
				filter.Before = i.ID
			}
			if len(list) < filter.Limit {
				return ids
			}
		}
	}
	require.ElementsMatch(t, append([]billing.IncidentID{other.ID}, want...), read(billing.IncidentFilter{}))
	require.ElementsMatch(t, append([]billing.IncidentID{other.ID}, want[1:]...), read(billing.IncidentFilter{Open: true}))
	require.Equal(t, want, read(billing.IncidentFilter{Kind: billing.IncidentPaidTwice}))
	require.Equal(t, want[1:], read(billing.IncidentFilter{Kind: billing.IncidentPaidTwice, Open: true}))
	require.Equal(t, want, read(billing.IncidentFilter{Plan: p.ID}))
}

func incidentBacklog(t *testing.T, f *fixture) {
	backlog := func() map[billing.IncidentKind]billing.Backlog {
		found, err := backlogs(t, f).IncidentBacklog(t.Context())
		require.NoError(t, err)
		return found
	}
	require.Empty(t, backlog())
	began := f.now
	var ids []string
	for n := range 7 {
		ids = append(ids, string(f.incident(billing.IncidentPaidTwice, string(rune('a'+n)), "").ID))
		f.now = f.now.Add(time.Second)
	}
	failed := f.incident(billing.IncidentRefundFailed, "re_1", "")
	f.update(func(tx billing.Tx) error {
		return tx.CloseIncidents(t.Context(), billing.IncidentPaidTwice, "a", "", f.now)
	})
	require.Equal(t, map[billing.IncidentKind]billing.Backlog{
		billing.IncidentPaidTwice:    {Count: 6, Oldest: began.Add(time.Second), Reason: "of b", IDs: ids[1:6]},
		billing.IncidentRefundFailed: {Count: 1, Oldest: failed.OpenedAt, Reason: "of re_1", IDs: []string{string(failed.ID)}},
	}, backlog())
}

func incidentMessages(t *testing.T, f *fixture) {
	e := f.endpoint("incident.*")
	p, _ := f.plan(1)
	i := f.incident(billing.IncidentPaidTwice, "pi_1", p.ID)
	f.update(func(tx billing.Tx) error {
		_, err := tx.CloseIncident(t.Context(), i.ID, "refunded", f.now)
		return err
	})
	list := f.deliveries(billing.DeliveryFilter{Endpoint: e.ID})
	require.Len(t, list, 2)
	require.ElementsMatch(t, []string{"incident.opened", "incident.closed"}, []string{list[0].Type, list[1].Type})
	for _, d := range list {
		m := f.outgoing(d.ID).Message
		require.Contains(t, string(m.Payload), string(i.ID))
		require.Contains(t, string(m.Payload), `"kind":"paid_twice"`)
		require.Contains(t, string(m.Payload), p.Reference)
	}
}

func incidentAlone(_ *testing.T, f *fixture) {
	i := f.incident(billing.IncidentRefundFailed, "re_1", "")
	require.Equal(f.t, billing.IncidentRuleOf(billing.IncidentRefundFailed).Remedy, i.Remedy)
}

func deletedWithIncidents(t *testing.T, f *fixture) {
	p, _ := f.plan(1)
	i := f.incident(billing.IncidentPaidTwice, "pi_1", p.ID)
	f.update(func(tx billing.Tx) error { return tx.DeletePlan(t.Context(), p.ID) })
	_, err := f.Incident(t.Context(), i.ID)
	require.ErrorIs(t, err, billing.ErrNotFound)
}

func incidentOfNoPlan(t *testing.T, f *fixture) {
	require.ErrorIs(t, f.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.OpenIncident(t.Context(), billing.Incident{Kind: billing.IncidentPaidTwice, Subject: "x", PlanID: "plan_none", OpenedAt: f.now})
		return err
	}), billing.ErrNotFound)
}

func reopenedIncident(t *testing.T, f *fixture) {
	first := f.incident(billing.IncidentPaidTwice, "pi_1", "")
	f.update(func(tx billing.Tx) error {
		return tx.CloseIncidents(t.Context(), first.Kind, first.Subject, "", f.now)
	})
	f.now = f.now.Add(time.Second)
	require.NotEqual(t, first.ID, f.incident(first.Kind, first.Subject, "").ID)
}
