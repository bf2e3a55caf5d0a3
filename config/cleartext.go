package config

import (
	"net"
	"net/url"
	"strings"
)

// Cleartext lists the connections over which a process with a live key sends passwords or
// customers' data unencrypted, or may do so. It is a warning: a private network can be safe. With a
// test key the list is empty.
func (c Config) Cleartext() []Fault {
	if !c.Live() {
		return nil
	}
	var found []Fault
	if c.databaseInClear() {
		found = append(found, Fault{"DATABASE_URL", "reaches a remote server without TLS, or where it is not required", "add ?sslmode=verify-full, or sslmode=require"})
	}
	if c.redisInClear() {
		found = append(found, Fault{"REDIS_URL", "reaches a remote server without TLS", "use rediss://, or ?tls=true with redis-sentinel:// and redis-cluster://"})
	}
	if c.mailInClear() {
		found = append(found, Fault{"SMTP_URL", "may send mails, which hold links that open a page, in clear text", "use smtps://, or smtp:// with ?tls=required"})
	}
	return found
}

// databaseInClear reports whether a connection to PostgreSQL may lack TLS. The driver's default,
// prefer, falls back to clear text.
func (c Config) databaseInClear() bool {
	if c.SQLite() {
		return false
	}
	scheme, rest, _ := strings.Cut(c.DatabaseURL, "://")
	authority, _, _ := strings.Cut(rest, "/")
	_, query, _ := strings.Cut(rest, "?")
	hosts := authority[strings.LastIndex(authority, "@")+1:]
	settings, err := url.ParseQuery(query)
	if err != nil || scheme == "" {
		return false
	}
	if host := settings.Get("host"); host != "" {
		hosts = host
	}
	switch settings.Get("sslmode") {
	case "require", "verify-ca", "verify-full":
		return false
	}
	return anyRemote(hosts)
}

func (c Config) redisInClear() bool {
	scheme, rest, _ := strings.Cut(c.RedisURL, "://")
	if c.Embedded() || scheme == "rediss" {
		return false
	}
	_, query, _ := strings.Cut(rest, "?")
	if settings, err := url.ParseQuery(query); err != nil || settings.Get("tls") == "true" {
		return false
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	return anyRemote(authority[strings.LastIndex(authority, "@")+1:])
}

// mailInClear reports whether a mail may be sent in clear text: without ?tls=required, STARTTLS is
// used only if the server offers it, and an attacker in between can remove the offer.
func (c Config) mailInClear() bool {
	u, err := url.Parse(c.SMTPURL)
	return err == nil && u.Scheme == "smtp" && u.Query().Get("tls") != "required" && anyRemote(u.Host)
}

// anyRemote reports whether any of the hosts, separated by commas and perhaps with ports, is
// another machine. A path or an empty host means a local socket.
func anyRemote(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		name = strings.Trim(name, "[]")
		ip := net.ParseIP(name)
		if name != "" && name != "localhost" && !strings.HasPrefix(name, "/") && (ip == nil || !ip.IsLoopback()) {
			return true
		}
	}
	return false
}
