package operator

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"tranche/internal/billing"
)

// endpointEntry is the audit entry of what a person did to an endpoint.
func endpointEntry(id billing.EndpointID, action string, at time.Time, message string) billing.AuditEntry {
	return billing.AuditEntry{At: at, Action: action, Subject: string(id), Message: "endpoint " + string(id) + " " + message}
}

func addedEntry(e billing.Endpoint) billing.AuditEntry {
	return endpointEntry(e.ID, "endpoint.added", e.CreatedAt, fmt.Sprintf("was added at %s for %s", origin(e.URL), typesOf(e)))
}

// changedEntry lists what a person asked for, changed or not.
func changedEntry(e billing.Endpoint, c EndpointChange) billing.AuditEntry {
	var asked []string
	if c.URL != nil {
		asked = append(asked, "the URL is one at "+origin(e.URL))
	}
	if c.Types != nil {
		asked = append(asked, "it receives "+typesOf(e))
	}
	if c.Status != nil {
		asked = append(asked, "it is "+string(e.Status))
	}
	if len(asked) == 0 {
		asked = []string{"nothing was named"}
	}
	return endpointEntry(e.ID, "endpoint.changed", e.UpdatedAt, "was changed: "+strings.Join(asked, ", "))
}

func rotatedEntry(e billing.Endpoint) billing.AuditEntry {
	entry := endpointEntry(e.ID, "endpoint.secret_rotated", e.UpdatedAt, "has a new secret")
	if !e.OldUntil.IsZero() {
		entry.Next = "the old secret signs too until " + e.OldUntil.UTC().Format(time.RFC3339)
	}
	return entry
}

// resealedEntry counts what was sealed again and what was dropped.
func resealedEntry(e billing.Endpoint, seen sealing) billing.AuditEntry {
	older, dropped := 0, ""
	for _, s := range seen.secrets {
		if s.state == sealedOlder {
			older++
		}
	}
	if seen.secrets[1].state == sealedExpired {
		dropped = "; its expired secret was removed"
	}
	return endpointEntry(e.ID, "endpoint.secret_resealed", e.UpdatedAt, fmt.Sprintf("has its secrets sealed with the newest key (%d)%s", older, dropped))
}

func deletedEntry(e billing.Endpoint, at time.Time) billing.AuditEntry {
	return endpointEntry(e.ID, "endpoint.deleted", at, fmt.Sprintf("at %s was deleted, with every message that it had not taken", origin(e.URL)))
}

func replayedSinceEntry(r billing.Replay, at time.Time) billing.AuditEntry {
	what := "every message that it has not taken"
	if r.Delivered {
		what = "every message"
	}
	return endpointEntry(r.Endpoint.ID, "endpoint.replayed", at, fmt.Sprintf("is sent %s since %s again", what, r.Since.UTC().Format(time.RFC3339)))
}

func replayedEntry(o billing.Outgoing, at time.Time) billing.AuditEntry {
	return billing.AuditEntry{
		At: at, Action: "delivery.replayed", Subject: string(o.Delivery.ID),
		Message: fmt.Sprintf("message %s (%s) is sent to endpoint %s again; its delivery was %s", o.Message.ID, o.Message.Type, o.Endpoint.ID, o.Delivery.Status),
	}
}

func typesOf(e billing.Endpoint) string {
	if len(e.Types) == 0 {
		return "every type"
	}
	return strings.Join(e.Types, ", ")
}

// origin is the scheme and host of a URL. Its path and query often hold a receiver's secret.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an unreadable URL"
	}
	return u.Scheme + "://" + u.Host
}
