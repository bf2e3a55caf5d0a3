package app_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/app"
)

func TestStop_CalledAgain(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	a := started(t, settings(t, url, nil))
	var stopping sync.WaitGroup
	for range 3 {
		stopping.Go(a.Stop)
	}
	stopping.Wait()
	a.Stop()
}

func TestWait_DeadServerEndsTheProcess(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	for setting, breakListener := range map[string]func(*app.App){
		"TRANCHE_ADDR": (*app.App).BreakListener, "TRANCHE_ADMIN_ADDR": (*app.App).BreakAdminListener,
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			a := started(t, settings(t, url, nil))
			defer a.Stop()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			breakListener(a)
			err := a.Wait(ctx)
			require.ErrorContains(t, err, "the HTTP server on "+setting+" 127.0.0.1:")
			require.NoError(t, ctx.Err())
		})
	}
}

func TestWait_StopRequested(t *testing.T) {
	t.Parallel()
	_, url := stripe(t)
	a := started(t, settings(t, url, nil))
	defer a.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, a.Wait(ctx))
}
