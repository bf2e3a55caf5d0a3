package store

import (
	"context"
	"fmt"
	"path"

	"github.com/pressly/goose/v3"
)

// Migrate brings the schema up to date and returns its version before and after. Any number of
// processes may call it at the same time: one works, the others wait and find nothing left to do.
// There is no way down: an older program refuses a newer schema, and a step that drops what was
// recorded can't be taken back. Errors: ErrUnavailable, *NewerError.
func (s *Store) Migrate(ctx context.Context) (from, to int64, err error) {
	p, err := s.provider()
	if err != nil {
		return 0, 0, err
	}
	return s.migrateTo(ctx, p, latest(p))
}

// MigrateTo is Migrate up to the given version. It is for tests of later steps, and for going up
// one at a time.
func (s *Store) MigrateTo(ctx context.Context, version int64) (from, to int64, err error) {
	p, err := s.provider()
	if err != nil {
		return 0, 0, err
	}
	return s.migrateTo(ctx, p, version)
}

func (s *Store) migrateTo(ctx context.Context, p *goose.Provider, version int64) (from, to int64, err error) {
	const doing = "migrate the database"
	if err := s.CheckVersion(ctx); err != nil {
		return 0, 0, err
	}
	applied, err := p.UpTo(ctx, version)
	if err != nil {
		return 0, 0, s.fail(ctx, doing, err)
	}
	to, known, err := s.Version(ctx)
	if err == nil {
		err = refuseNewer(to, known) // a newer program may have migrated meanwhile
	}
	if err != nil || len(applied) == 0 {
		return to, to, err
	}
	// The previous version is derived from the first applied step. Reading it beforehand would let
	// another process migrate in between.
	for _, source := range p.ListSources() {
		if source.Version < applied[0].Source.Version {
			from = source.Version
		}
	}
	if tune := s.migrations.Tune; tune != nil {
		if err := tune(ctx, s.write); err != nil {
			return from, to, s.fail(ctx, "tune the database", err)
		}
	}
	return from, to, nil
}

// Version returns the schema's version and the one this program was built for. The first is 0 in a
// database that was never migrated. It changes nothing. Errors: ErrUnavailable.
func (s *Store) Version(ctx context.Context) (current, wanted int64, err error) {
	p, err := s.provider()
	if err != nil {
		return 0, 0, err
	}
	const doing = "read the database's version"
	tables, err := s.count(ctx, doing, s.dialect.HasTable, goose.DefaultTablename)
	if err != nil || tables == 0 {
		return 0, latest(p), err
	}
	current, err = s.count(ctx, doing, "SELECT COALESCE(MAX(version_id), 0) FROM "+goose.DefaultTablename)
	return current, latest(p), err
}

// CheckVersion refuses a database that is newer than this program. It changes nothing. Errors:
// *NewerError, ErrUnavailable.
func (s *Store) CheckVersion(ctx context.Context) error {
	current, known, err := s.Version(ctx)
	if err != nil {
		return err
	}
	return refuseNewer(current, known)
}

// Pending lists the files of the steps that Migrate would take, in order. It changes nothing.
// Errors: ErrUnavailable, *NewerError.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	current, known, err := s.Version(ctx)
	if err == nil {
		err = refuseNewer(current, known)
	}
	if err != nil {
		return nil, err
	}
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	var files []string
	for _, source := range p.ListSources() {
		if source.Version > current {
			files = append(files, path.Base(source.Path))
		}
	}
	return files, nil
}

// provider is goose on the writing pool. It is never closed: that would close the pool.
func (s *Store) provider() (*goose.Provider, error) {
	locker, err := s.migrations.Locker()
	if err != nil {
		return nil, fmt.Errorf("make the migration lock: %w", err)
	}
	p, err := goose.NewProvider(s.migrations.Dialect, s.write, s.migrations.Files,
		goose.WithDisableGlobalRegistry(true), goose.WithLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}

// latest is the version after the last step.
func latest(p *goose.Provider) int64 {
	sources := p.ListSources()
	return sources[len(sources)-1].Version
}
