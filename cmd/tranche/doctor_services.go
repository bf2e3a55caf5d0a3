package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"tranche/internal/alarm"
	"tranche/internal/app"
	"tranche/internal/billing"
	"tranche/internal/notify"
	"tranche/internal/queue"
	"tranche/internal/store"
	"tranche/internal/store/open"
	"tranche/jobs"
)

// database reports whether the database answers and has the version that this program needs. It
// neither migrates nor creates anything.
func (e *examination) database(ctx context.Context) {
	const check = "database"
	if path, ok := strings.CutPrefix(e.cfg.DatabaseURL, "sqlite:"); ok {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); errors.Is(err, fs.ErrNotExist) {
			e.warn(check, "there is no file "+path+" yet", "tranche serve creates it")
			return
		}
	}
	s, err := open.Store(ctx, e.cfg.DatabaseURL, open.Options{Connections: 2})
	if err != nil {
		e.failed(check, err, "see DATABASE_URL, and whether the server runs")
		return
	}
	e.store = s
	have, want, err := s.Version(ctx)
	switch {
	case err != nil:
		e.failed(check, err, "see DATABASE_URL, and whether the server runs")
	case have < want:
		e.fail(check, fmt.Sprintf("the database has version %d, and this program needs %d", have, want), "run tranche migrate, or start tranche serve")
	case have > want:
		e.fail(check, (&store.NewerError{Database: have, Program: want}).Error(), "run the newer program")
	default:
		e.ok(check, "the database answers, at version %d", have)
		if path := open.Exposed(e.cfg.DatabaseURL); path != "" {
			e.warn(check, "other users of this machine may read "+path, "chmod o-rwx "+path+"*")
		}
		if err := app.CheckClock(ctx, s); err != nil {
			e.fail("clock", err.Error(), "set it by NTP: until then no process on this machine works")
		}
		return
	}
	_ = s.Close()
	e.store = nil
}

// redis reports whether the queue's Redis answers, accepts tasks and keeps them.
func (e *examination) redis(ctx context.Context) {
	const check, do = "redis", "see REDIS_URL, and whether the server runs"
	if e.cfg.Embedded() {
		e.ok(check, "the queue runs inside the process")
		return
	}
	q, err := e.queue()
	if err != nil {
		e.fail(check, err.Error(), do)
		return
	}
	defer func() { _ = q.Close() }()
	depths, err := q.Stats(ctx)
	if err != nil {
		e.failed(check, err, do)
		return
	}
	if err := q.CheckWrite(ctx); err != nil {
		e.failed(check, err, "nothing is charged until Redis accepts tasks: raise maxmemory, or point REDIS_URL at the primary")
		return
	}
	waiting := 0
	for _, d := range depths {
		waiting += d.Pending + d.Retry
	}
	e.ok(check, "Redis answers; %d tasks wait", waiting)
	e.eviction(ctx, q)
}

// eviction reports a Redis that may drop tasks silently.
func (e *examination) eviction(ctx context.Context, q *queue.Queue) {
	const check = "redis"
	policy, err := q.EvictionPolicy(ctx)
	switch {
	case err != nil:
		e.warn(check, "its maxmemory-policy is not known: "+err.Error(), "make sure that it is "+queue.NoEviction)
	case policy != "" && policy != queue.NoEviction:
		e.fail(check, "its maxmemory-policy is "+policy+": a full Redis drops tasks silently", "set maxmemory-policy "+queue.NoEviction)
	}
}

func (e *examination) queue() (*queue.Queue, error) {
	options, err := queue.Options(e.cfg.RedisURL)
	if err != nil {
		return nil, err
	}
	return queue.New(options, jobs.Routes(), nil)
}

// mail reports whether the mail server accepts the login. It sends no mail.
func (e *examination) mail(ctx context.Context) {
	const check = "mail"
	if _, err := app.Merchant(e.cfg); err != nil {
		e.fail(check, err.Error(), "see TRANCHE_TEMPLATES")
	}
	if e.cfg.SMTPURL == "" {
		return // reported with the settings
	}
	server, err := notify.NewSMTP(notify.SMTPConfig{URL: e.cfg.SMTPURL, From: e.cfg.MailFrom, Timeout: doctorTimeout})
	if err != nil {
		e.fail(check, err.Error(), "see SMTP_URL and TRANCHE_MAIL_FROM")
		return
	}
	if err := server.Ping(ctx); err != nil {
		e.failed(check, fmt.Errorf("%w: %w", billing.ErrUnavailable, err), "see SMTP_URL; mails wait meanwhile, and none is lost")
		return
	}
	e.ok(check, "the server answers and accepts the login")
}

// alarms lists the alarms that are raised.
func (e *examination) alarms(ctx context.Context) {
	const check = "alarms"
	if e.store == nil {
		return // reported with the database
	}
	c := alarm.Config{Store: e.store, Clock: e.clock, Lease: e.cfg.Lease}
	if !e.cfg.Embedded() {
		if q, err := e.queue(); err == nil {
			defer func() { _ = q.Close() }()
			if q.Ping(ctx) == nil {
				c.Archived = q.Archived
			}
		}
	}
	raised, err := alarm.New(c).Check(ctx)
	if err != nil {
		e.failed(check, err, "see DATABASE_URL")
		return
	}
	for _, a := range raised {
		say := e.warn
		if a.Severity == alarm.Critical {
			say = e.fail
		}
		say("alarm "+a.Name, alarmText(a), a.Do)
	}
	if len(raised) == 0 {
		e.ok(check, "nothing is late")
	}
}

// alarmText describes an alarm in one line.
func alarmText(a alarm.Alarm) string {
	text := fmt.Sprintf("%d: %s", a.Count, a.What)
	if a.Count >= billing.MaxBacklog {
		text = "at least " + text
	}
	if !a.Oldest.IsZero() {
		text += ", since " + a.Oldest.Format(time.RFC3339)
	}
	if a.Reason != "" {
		text += " (" + a.Reason + ")"
	}
	if len(a.IDs) > 0 {
		text += " " + strings.Join(a.IDs, " ")
	}
	return text
}
