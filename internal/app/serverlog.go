package app

import (
	stdlog "log"
	"strings"

	"github.com/rs/zerolog"
)

// serverLog returns a logger for net/http, whose lines would otherwise go to stderr as plain text.
func serverLog(log zerolog.Logger) *stdlog.Logger { return stdlog.New(lines{log}, "", 0) }

// lines writes each line to the log as an entry.
type lines struct{ log zerolog.Logger }

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l.log.Warn().Str("from", "net/http").Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}
