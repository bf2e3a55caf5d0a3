package queue

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestOptions parses every kind of URL and checks the client that it makes.
func TestOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		url, username, password string
		addrs                   []string
		db                      int
		master, sentinelUser    string
		sentinelPassword        string
		tls                     bool
		kind                    string
	}{
		"plain":     {url: "redis://127.0.0.1:6380", addrs: []string{"127.0.0.1:6380"}, kind: "*redis.Client"},
		"no port":   {url: "redis://cache", addrs: []string{"cache:6379"}, kind: "*redis.Client"},
		"IPv6":      {url: "redis://[::1]:6380", addrs: []string{"[::1]:6380"}, kind: "*redis.Client"},
		"IPv6 bare": {url: "redis://[::1]", addrs: []string{"[::1]:6379"}, kind: "*redis.Client"},
		"database":  {url: "redis://cache:1/3", addrs: []string{"cache:1"}, db: 3, kind: "*redis.Client"},
		"db=":       {url: "redis://cache:1?db=3", addrs: []string{"cache:1"}, db: 3, kind: "*redis.Client"},
		"password": {
			url: "rediss://ada:p%40s%2Fs@cache:6380/1", addrs: []string{"cache:6380"}, username: "ada", password: "p@s/s",
			db: 1, tls: true, kind: "*redis.Client",
		},
		"sentinel": {
			url:   "redis-sentinel://ada:pw@s1:1,s2,s3:3/mymaster?db=2&sentinel_username=su&sentinel_password=sp&tls=true",
			addrs: []string{"s1:1", "s2:26379", "s3:3"}, username: "ada", password: "pw", master: "mymaster", db: 2,
			sentinelUser: "su", sentinelPassword: "sp", tls: true, kind: "*redis.Client",
		},
		"cluster": {
			url: "redis-cluster://:pw@n1:7000,n2:7001", addrs: []string{"n1:7000", "n2:7001"}, password: "pw", kind: "*redis.ClusterClient",
		},
		"cluster of one known node": {url: "redis-cluster://n1?tls=true", addrs: []string{"n1:6379"}, tls: true, kind: "*redis.ClusterClient"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Options(tt.url)
			require.NoError(t, err)
			o := got.(connection).options
			require.Equal(t, tt.addrs, o.Addrs)
			require.Equal(t, tt.username, o.Username)
			require.Equal(t, tt.password, o.Password)
			require.Equal(t, tt.db, o.DB)
			require.Equal(t, tt.master, o.MasterName)
			require.Equal(t, tt.sentinelUser, o.SentinelUsername)
			require.Equal(t, tt.sentinelPassword, o.SentinelPassword)
			require.Equal(t, tt.tls, o.TLSConfig != nil)
			client := got.MakeRedisClient().(redis.UniversalClient)
			require.Equal(t, tt.kind, fmt.Sprintf("%T", client))
			require.NoError(t, client.Close())
			if tt.password != "" {
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), tt.password)
			}
		})
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                               "it is not SCHEME://HOST",
		"hunter2":                        "it is not SCHEME://HOST",
		"redis://":                       "it is not SCHEME://HOST",
		"redis:///0":                     "it is not SCHEME://HOST",
		"http://:hunter2@h":              "the scheme is none of redis, rediss, redis-sentinel and redis-cluster",
		"redis://:hun%zzter2@h":          "it can't be read; is the password percent-encoded?",
		"redis://:hunter2@h1,h2":         "it names several hosts; use redis-sentinel:// or redis-cluster://",
		"redis://:hunter2@h/zero":        "the database is not a number",
		"redis://:hunter2@h/-1":          "the database is not a number",
		"redis://:hunter2@h?pool=9":      `"pool" is not a setting of redis://`,
		"redis-sentinel://:hunter2@h":    "it names no master: redis-sentinel://HOST,HOST/MASTER",
		"redis-sentinel://h/m?tls=maybe": "tls is neither true nor false",
		"redis-sentinel://h/m?master=m":  `"master" is not a setting of redis-sentinel://`,
		"redis-cluster://h/1":            "a cluster has no databases to choose from",
		"redis-cluster://h?db=1":         `"db" is not a setting of redis-cluster://`,
		"redis-cluster://h1,,h2":         "a host is empty",
	} {
		_, err := Options(url)
		require.EqualError(t, err, "redis URL: "+want, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
