package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"tranche/internal/store"
)

// fault sorts PostgreSQL's SQLSTATE codes. See
// www.postgresql.org/docs/current/errcodes-appendix.html.
func fault(err error) store.Fault {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return store.FaultUnavailable
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) < 2 {
		if err != nil && pgconn.SafeToRetry(err) { // the connection was gone before anything was sent
			return store.FaultUnavailable
		}
		return store.FaultOther
	}
	switch e.Code {
	case "23505": // unique_violation
		return store.FaultDuplicate
	case "23503": // foreign_key_violation
		return store.FaultMissing
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return store.FaultSerialization
	case "55P03", // lock_not_available: lock_timeout
		"57014", // query_canceled: statement_timeout
		"25006": // read_only_sql_transaction: this server is a standby since a failover
		return store.FaultUnavailable
	}
	switch e.Code[:2] {
	case "08", // connection exception
		"53", // insufficient resources, such as too many connections or a full disk
		"57", // operator intervention, such as a shutdown
		"58": // system error outside PostgreSQL
		return store.FaultUnavailable
	}
	return store.FaultOther
}
