package app

import (
	stdlog "log"
	"strings"

	"github.com/rs/zerolog"
)

// serverLog takes the lines of net/http, which go to stderr as plain text otherwise.
func serverLog(log zerolog.Logger) *stdlog.Logger { return stdlog.New(lines{log}, "", 0) }

// lines writes each line that it is given as an entry of the log.
type lines struct{ log zerolog.Logger }

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	l.log.Warn().Str("from", "net/http").Msg(strings.TrimSpace(string(p)))
	return len(p), nil
}
