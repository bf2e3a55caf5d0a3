package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
)

// RedirectLogs sends go-redis' own lines, which otherwise go to stderr as plain text, to the logger
// at debug level: callers get the same problems as errors. The setting is global in go-redis; call
// RedirectLogs once, at the start of main.
func RedirectLogs(log zerolog.Logger) { redis.SetLogger(redisLog{log}) }

// redisLog passes go-redis' lines to zerolog.
type redisLog struct{ log zerolog.Logger }

// Printf implements go-redis' logging interface.
func (l redisLog) Printf(_ context.Context, format string, args ...any) {
	l.log.Debug().Str("from", "go-redis").Msg(fmt.Sprintf(format, args...))
}

// asynqLog passes asynq's lines to zerolog.
type asynqLog struct{ log zerolog.Logger }

func (l asynqLog) write(level zerolog.Level, args []any) {
	l.log.WithLevel(level).Str("from", "asynq").Msg(fmt.Sprint(args...))
}

// Debug implements asynq.Logger. It drops the line that asynq logs dozens of times a second while
// the queues are empty.
func (l asynqLog) Debug(args ...any) {
	if len(args) == 1 && args[0] == "All queues are empty" {
		return
	}
	l.write(zerolog.DebugLevel, args)
}

// Info implements asynq.Logger. It logs at debug level, because asynq reports only its own starts
// and stops.
func (l asynqLog) Info(args ...any) { l.write(zerolog.DebugLevel, args) }

// Warn implements asynq.Logger.
func (l asynqLog) Warn(args ...any) { l.write(zerolog.WarnLevel, args) }

// Error implements asynq.Logger.
func (l asynqLog) Error(args ...any) { l.write(zerolog.ErrorLevel, args) }

// Fatal implements asynq.Logger, but does not end the process, which only main may do.
func (l asynqLog) Fatal(args ...any) { l.write(zerolog.ErrorLevel, args) }
