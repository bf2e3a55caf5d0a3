package queue

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestAsynqLog_IdleQueue(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := asynqLog{zerolog.New(&out)}
	for range 3 {
		l.Debug("All queues are empty")
	}
	l.Debug("Lease extended")
	require.Equal(t, 1, strings.Count(out.String(), "\n"), out.String())
	require.Contains(t, out.String(), "Lease extended")
}
