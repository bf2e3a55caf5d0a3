package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// FillRedis makes a Redis of the test's own take no more writes, as one does whose memory is full,
// and returns what gives it room again. It lowers the limit instead of writing up to it: at the
// edge some writes still find room.
func FillRedis(t testing.TB, redisURL string) (giveRoom func()) {
	t.Helper()
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	limit := func(bytes string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1")
	return func() { limit("0") }
}
