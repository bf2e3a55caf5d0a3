package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestService_RestartsUntilGroupCloses(t *testing.T) {
	t.Parallel()
	s := &service{name: "sleeper", binary: "/bin/sh", args: []string{"-c", "exec sleep 600"}, stop: syscall.SIGTERM, logs: t.TempDir()}
	h := newServiceGroup(t.Context())
	h.start(s)
	up := func(times int) {
		require.NoError(t, eventually(t.Context(), 10*time.Second, 10*time.Millisecond, func(context.Context) error {
			if s.started() != times {
				return os.ErrNotExist
			}
			return s.signal(syscall.Signal(0))
		}))
	}
	up(1)
	require.True(t, s.take())
	require.False(t, s.take(), "one fault at a time")
	s.release()
	require.NoError(t, s.end(syscall.SIGKILL, 0))
	up(2)
	require.NoError(t, s.signal(syscall.SIGSTOP), "a stopped process ends, too")
	h.close()
	require.ErrorContains(t, s.signal(syscall.SIGTERM), "down")
	require.Equal(t, 2, s.started())
}
