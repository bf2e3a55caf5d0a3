package queue

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	redisPort    = "6379"
	sentinelPort = "26379"

	// How long Redis may take before it counts as down. The timeouts are short, because the scheduler
	// finds a row again whose task could not be enqueued.
	dialTimeout = 2 * time.Second
	ioTimeout   = 3 * time.Second
)

// connection holds the options of a Redis connection in the form that asynq takes.
type connection struct{ options redis.UniversalOptions }

var _ asynq.RedisConnOpt = connection{}

// MakeRedisClient opens a client; asynq calls it once for each of its parts.
func (c connection) MakeRedisClient() any {
	o := c.options
	return redis.NewUniversalClient(&o)
}

// String names the servers and hides the password.
func (c connection) String() string { return "redis " + strings.Join(c.options.Addrs, ",") }

// GoString hides the password from %#v.
func (c connection) GoString() string { return c.String() }

// Options parses a Redis URL:
//
//	redis://USER:PASSWORD@HOST:6379/DB                rediss:// is the same over TLS
//	redis-sentinel://USER:PASSWORD@HOST1,HOST2/MASTER  the hosts are sentinels
//	redis-cluster://USER:PASSWORD@HOST1,HOST2          some of the nodes
//
// With sentinels, USER and PASSWORD log in to Redis itself.
//
// Settings after "?": db=N; tls=true for the last two; sentinel_username and sentinel_password for
// sentinels that need them. Defaults are port 6379 or 26379, and database 0. The error does not
// repeat the URL, which may contain a password.
func Options(redisURL string) (asynq.RedisConnOpt, error) {
	u, hosts, err := parse(redisURL)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	o := base(u)
	switch u.Scheme {
	case "redis", "rediss":
		err = single(&o, u, hosts)
	case "redis-sentinel":
		err = sentinel(&o, u, hosts)
	case "redis-cluster":
		err = cluster(&o, u, hosts)
	default:
		err = errors.New("the scheme is none of redis, rediss, redis-sentinel and redis-cluster")
	}
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	return connection{o}, nil
}

// authority is the part of a URL that names the hosts: net/url refuses several with ports.
var authority = regexp.MustCompile(`^([a-z-]+://(?:[^@/?#]*@)?)([^@/?#]+)`)

// parse separates the hosts from the rest of the URL.
func parse(redisURL string) (*url.URL, []string, error) {
	found := authority.FindStringSubmatch(redisURL)
	if found == nil {
		return nil, nil, errors.New("it is not SCHEME://HOST")
	}
	u, err := url.Parse(found[1] + "host" + redisURL[len(found[0]):])
	if err != nil {
		return nil, nil, errors.New("it can't be read; is the password percent-encoded?")
	}
	hosts := strings.Split(found[2], ",")
	if slices.Contains(hosts, "") {
		return nil, nil, errors.New("a host is empty")
	}
	return u, hosts, nil
}

// base returns the options that all kinds of Redis share.
func base(u *url.URL) redis.UniversalOptions {
	password, _ := u.User.Password()
	return redis.UniversalOptions{
		Username:              u.User.Username(),
		Password:              password,
		DialTimeout:           dialTimeout,
		DialerRetries:         1, // go-redis would dial five times, and asynq's loops try again by themselves
		MaxRetries:            1,
		ReadTimeout:           ioTimeout,
		WriteTimeout:          ioTimeout,
		ContextTimeoutEnabled: true, // else a caller's deadline is ignored
	}
}

func single(o *redis.UniversalOptions, u *url.URL, hosts []string) error {
	if len(hosts) != 1 {
		return errors.New("it names several hosts; use redis-sentinel:// or redis-cluster://")
	}
	if err := onlyKeys(u, "db"); err != nil {
		return err
	}
	o.Addrs = withPort(hosts, redisPort)
	if u.Scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	path := strings.Trim(u.Path, "/")
	if path == "" {
		path = u.Query().Get("db")
	}
	return database(o, path)
}

func sentinel(o *redis.UniversalOptions, u *url.URL, hosts []string) error {
	if err := onlyKeys(u, "db", "tls", "sentinel_username", "sentinel_password"); err != nil {
		return err
	}
	o.Addrs = withPort(hosts, sentinelPort)
	o.MasterName = strings.Trim(u.Path, "/")
	if o.MasterName == "" {
		return errors.New("it names no master: redis-sentinel://HOST,HOST/MASTER")
	}
	o.SentinelUsername, o.SentinelPassword = u.Query().Get("sentinel_username"), u.Query().Get("sentinel_password")
	if err := secure(o, u); err != nil {
		return err
	}
	return database(o, u.Query().Get("db"))
}

func cluster(o *redis.UniversalOptions, u *url.URL, hosts []string) error {
	if err := onlyKeys(u, "tls"); err != nil {
		return err
	}
	if strings.Trim(u.Path, "/") != "" {
		return errors.New("a cluster has no databases to choose from")
	}
	o.Addrs, o.IsClusterMode = withPort(hosts, redisPort), true
	return secure(o, u)
}

// onlyKeys refuses settings that would be ignored.
func onlyKeys(u *url.URL, known ...string) error {
	for key := range u.Query() {
		if !slices.Contains(known, key) {
			return fmt.Errorf("%.40q is not a setting of %s://", key, u.Scheme)
		}
	}
	return nil
}

func secure(o *redis.UniversalOptions, u *url.URL) error {
	switch u.Query().Get("tls") {
	case "", "false":
	case "true":
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return errors.New("tls is neither true nor false")
	}
	return nil
}

func database(o *redis.UniversalOptions, number string) error {
	if number == "" {
		return nil
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return errors.New("the database is not a number")
	}
	o.DB = int(n)
	return nil
}

// withPort adds the default port to hosts without one.
func withPort(hosts []string, port string) []string {
	addrs := make([]string, len(hosts))
	for i, host := range hosts {
		addrs[i] = host
		if _, _, err := net.SplitHostPort(host); err != nil {
			addrs[i] = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	}
	return addrs
}
