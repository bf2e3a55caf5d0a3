// Package queuetest starts the kinds of Redis that tests of what lives in Redis run against.
package queuetest

import (
	"testing"

	"github.com/hibiken/asynq"
	"github.com/stretchr/testify/require"

	"tranche/internal/queue"
	"tranche/internal/testenv"
)

// Engines returns how each kind of Redis is started: the embedded one and a server.
func Engines() map[string]func(t *testing.T) asynq.RedisConnOpt {
	return map[string]func(t *testing.T) asynq.RedisConnOpt{
		"embedded": func(t *testing.T) asynq.RedisConnOpt {
			t.Helper()
			e, err := queue.StartEmbedded()
			require.NoError(t, err)
			t.Cleanup(e.Close)
			return e.Options()
		},
		"redis": func(t *testing.T) asynq.RedisConnOpt {
			t.Helper()
			return Options(t, testenv.Redis(t))
		},
	}
}

// Options parses the URL of a Redis.
func Options(t *testing.T, url string) asynq.RedisConnOpt {
	t.Helper()
	o, err := queue.Options(url)
	require.NoError(t, err)
	return o
}

// RunSuite runs each test against each engine, in parallel, on a Redis of its own.
func RunSuite(t *testing.T, engines map[string]func(t *testing.T) asynq.RedisConnOpt, tests map[string]func(t *testing.T, o asynq.RedisConnOpt)) {
	t.Helper()
	for engine, start := range engines {
		for name, test := range tests {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, start(t))
			})
		}
	}
}
