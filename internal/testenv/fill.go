package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// FillRedis makes the test's own Redis refuse writes, as a Redis with full memory does, and returns
// a function that ends this. It lowers the memory limit instead of writing data up to it, because
// near the limit some writes still succeed.
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
