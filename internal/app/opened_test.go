package app

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

func TestOpened_ClosesLastFirstAndOnce(t *testing.T) {
	t.Parallel()
	var order []string
	var log bytes.Buffer
	var o opened
	o.add("database", func() error { order = append(order, "database"); return nil })
	o.add("queue", func() error { order = append(order, "queue"); return errors.New("broken pipe") })
	o.add("page", quietly(func() { order = append(order, "page") }))
	o.closeAll(zerolog.New(&log))
	o.closeAll(zerolog.New(&log))
	require.Equal(t, []string{"page", "queue", "database"}, order, "an error stops nothing")
	require.Contains(t, log.String(), `"what":"queue"`)
	require.Contains(t, log.String(), "broken pipe")
}
