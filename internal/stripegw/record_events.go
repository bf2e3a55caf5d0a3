package stripegw

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"

	"tranche/internal/billing"
)

const eventsPath = "/v1/events"

// wireEventList is a page of events, each as raw JSON that is scrubbed like a webhook's body.
type wireEventList struct {
	stripe.APIResource
	stripe.ListMeta
	Object string            `json:"object"`
	Data   []json.RawMessage `json:"data"`
}

func (l *wireEventList) fault() string {
	if l.Object != "" && l.Object != "list" || l.Data == nil {
		return "the answer is not a list"
	}
	return ""
}

// Events reads the events of the given types created at or after since, newest first. The request
// asks Stripe for these only, and others are skipped in case a server ignores the filter. Errors:
// *billing.GatewayError, or fn's own.
func (r *Record) Events(ctx context.Context, since time.Time, types []string, fn func(page []billing.Event) error) error {
	op := "list events"
	if len(types) == 0 || len(types) > billing.MaxEventTypes {
		return refused(op, fmt.Sprintf("%d types of event, not 1 to %d", len(types), billing.MaxEventTypes))
	}
	params := &stripe.EventListParams{Types: stripe.StringSlice(types)}
	params.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: since.Unix()}
	return r.pages(ctx, op, func(ctx context.Context, after string) (string, error) {
		all, more, err := r.eventPage(ctx, op, params, after)
		if err != nil {
			return "", err
		}
		wanted := slices.DeleteFunc(slices.Clone(all), func(e billing.Event) bool {
			return !slices.Contains(types, e.Type) || e.CreatedAt.Before(since.Truncate(time.Second))
		})
		if err := fn(wanted); err != nil || !more || len(all) == 0 {
			return "", err
		}
		last := all[len(all)-1]
		if last.CreatedAt.Before(since.Truncate(time.Second)) {
			return "", nil // all others are older
		}
		return last.ID, nil
	})
}

// eventPage reads one page. It fails if an entry is not an event, because that entry may be a
// missing one.
func (r *Record) eventPage(ctx context.Context, op string, params *stripe.EventListParams, after string) ([]billing.Event, bool, error) {
	values := &form.Values{}
	form.AppendTo(values, params)
	values.Add("limit", fmt.Sprint(pageSize))
	if after != "" {
		values.Add("starting_after", after)
	}
	var list wireEventList
	err := r.patiently(ctx, func() error {
		list = wireEventList{}
		_, err := r.gateway.getPage(ctx, call{op: op, path: eventsPath}, values, &list)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	events := make([]billing.Event, len(list.Data))
	for i, raw := range list.Data {
		if events[i], err = ParseEvent(raw); err != nil {
			return nil, false, unreadable(op, &answer{}, "an entry of the list can't be read: "+err.Error())
		}
	}
	return events, list.HasMore, nil
}
