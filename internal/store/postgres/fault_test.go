package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"tranche/internal/store"
)

func TestFault(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]store.Fault{
		"23505": store.FaultDuplicate,
		"23503": store.FaultMissing,
		"40001": store.FaultSerialization,
		"40P01": store.FaultSerialization,
		"55P03": store.FaultUnavailable, // lock timeout
		"57014": store.FaultUnavailable, // statement timeout
		"57P01": store.FaultUnavailable, // shutting down
		"53300": store.FaultUnavailable, // too many connections
		"08006": store.FaultUnavailable, // connection failure
		"58030": store.FaultUnavailable, // I/O error
		"25006": store.FaultUnavailable, // a standby
		"23514": store.FaultOther,       // check violation
		"42P01": store.FaultOther,       // no such table
		"25P02": store.FaultOther,       // in a transaction that is lost already
		"":      store.FaultOther,
	} {
		err := error(&pgconn.PgError{Code: code})
		require.Equal(t, want, fault(err), code)
		require.Equal(t, want, fault(fmt.Errorf("wrapped: %w", err)), code)
	}
	require.Equal(t, store.FaultUnavailable, fault(&pgconn.ConnectError{}))
	require.Equal(t, store.FaultOther, fault(errors.New("some other error")))
	require.Equal(t, store.FaultOther, fault(nil))
}
