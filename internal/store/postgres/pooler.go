package postgres

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pooler finds out whether a pooler, such as PgBouncer in transaction mode, stands between this
// process and the server. Each transaction may then run in another session of the server, which
// does not know the statements that were prepared in the last one.
type pooler struct {
	found  atomic.Bool
	chosen bool // the URL names the mode
}

func newPooler(dsn string) *pooler {
	return &pooler{chosen: strings.Contains(dsn, "default_query_exec_mode=")}
}

// connected compares the session that answers with the one that was announced when the connection
// was made. A pooler announces a number of its own, because it chooses a session later.
func (p *pooler) connected(ctx context.Context, c *pgx.Conn) error {
	var pid int64
	err := c.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	if _, answered := errors.AsType[*pgconn.PgError](err); answered {
		return nil // a server without the function
	}
	if err != nil {
		return err
	}
	if pid != int64(c.PgConn().PID()) {
		p.found.Store(true)
	}
	return nil
}

// beforeConnect has connections behind a pooler send each statement whole, in one exchange. What
// they remember of a statement stays in this process.
func (p *pooler) beforeConnect(_ context.Context, c *pgx.ConnConfig) error {
	if p.found.Load() && !p.chosen {
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// dropFirst closes the connection that revealed a pooler, because it still prepares statements.
func (p *pooler) dropFirst(db *sql.DB, idle int) {
	if p.found.Load() && !p.chosen {
		db.SetMaxIdleConns(0)
		db.SetMaxIdleConns(idle)
	}
}
