package config

import (
	"fmt"
	"math"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tranche/internal/hostport"
)

// The checks in this file describe a fault without quoting the value, which may hold a password.

func hasScheme(value string, schemes ...string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Hostname() != "" && hostport.CanConnect(u.Port()) && slices.Contains(schemes, u.Scheme)
}

// isBaseURL reports whether the value is a URL that a path can be appended to.
func isBaseURL(value string) bool {
	return hasScheme(value, "http", "https") && !strings.ContainsAny(value, "?#")
}

func databaseFault(value string) *complaint {
	const hint = "sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"
	if path, ok := strings.CutPrefix(value, sqlitePrefix); ok {
		if path == "" {
			return &complaint{"names no file after sqlite:", hint}
		}
		return nil
	}
	scheme, rest, _ := strings.Cut(value, "://")
	if (scheme != "postgres" && scheme != "postgresql") || rest == "" { // the driver reads the rest: it may name several hosts
		return &complaint{"is neither SQLite nor PostgreSQL", hint}
	}
	return nil
}

func redisFault(value string) *complaint {
	const hint = "redis://, rediss://, redis-sentinel:// or redis-cluster://, or empty for the embedded queue"
	if value != "" && !hasScheme(firstHost(value), "redis", "rediss", "redis-sentinel", "redis-cluster") {
		return &complaint{"is not the URL of a Redis", hint}
	}
	if u, err := url.Parse(firstHost(value)); err == nil && u.Scheme == "redis-sentinel" && strings.Trim(u.Path, "/") == "" {
		return &complaint{"names no master for the sentinels to find", "redis-sentinel://HOST,HOST/MASTER"}
	}
	return nil
}

// severalHosts is the host part of a URL that names several, such as h1:1,h2:2.
var severalHosts = regexp.MustCompile(`^(redis-(?:sentinel|cluster)://(?:[^@/?#]*@)?[^,/?#]+)(?:,[^,/?#]+)+`)

// firstHost removes all hosts but the first, because net/url takes the others for a bad port.
func firstHost(value string) string { return severalHosts.ReplaceAllString(value, "$1") }

func smtpFault(value string) *complaint {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || !hasScheme(value, "smtp", "smtps") {
		return &complaint{"is not the URL of a mail server",
			"smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST:465, with @ : / in user and password percent-encoded"}
	}
	for key, values := range u.Query() {
		if key != "tls" || len(values) != 1 || (values[0] != "required" && values[0] != "none") {
			return &complaint{"has a query that is not understood", "?tls=required or ?tls=none"}
		}
	}
	return nil
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

func returnFault(value string) *complaint {
	const hint = "such as https://shop.example/pay?charge={charge}"
	if value == "" {
		return nil
	}
	for _, p := range placeholder.FindAllString(value, -1) {
		if p != "{charge}" && p != "{payment_intent}" && p != "{reference}" {
			return &complaint{fmt.Sprintf("has %.40q in it", p), "only {charge}, {payment_intent} and {reference} are replaced"}
		}
	}
	one, err := url.Parse(placeholder.ReplaceAllString(value, "1"))
	if err != nil || !hasScheme(one.String(), "http", "https") {
		return &complaint{"is not an http or https URL", hint}
	}
	other, err := url.Parse(placeholder.ReplaceAllString(value, "2"))
	if err != nil || one.Host != other.Host || one.Scheme != other.Scheme {
		return &complaint{"has a placeholder in its host", hint}
	}
	return nil
}

func isHostPort(value string) bool {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func isAddress(value string) bool {
	_, err := mail.ParseAddress(value)
	return err == nil && !strings.ContainsAny(value, "\r\n")
}

func isTimeOfDay(value string) bool {
	_, err := time.Parse("15:04", value)
	return err == nil && len(value) == len("15:04")
}

// maxRate is the fastest simulated clock: about a year in a second.
const maxRate = 4e7

func clockFault(value string) *complaint {
	const hint = "EPOCH@RATE, such as 2026-01-01T00:00:00Z@86400"
	if value == "" {
		return nil
	}
	epoch, rate, _ := strings.Cut(value, "@")
	if _, err := time.Parse(time.RFC3339, epoch); err != nil {
		return &complaint{"has an epoch that is not an RFC 3339 time", hint}
	}
	r, err := strconv.ParseFloat(rate, 64)
	if err != nil || math.IsNaN(r) || r < 1 || r > maxRate {
		return &complaint{fmt.Sprintf("has a rate that is not a number from 1 to %.0f", maxRate), hint}
	}
	return nil
}
