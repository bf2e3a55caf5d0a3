package store

import "fmt"

// NewerError reports a database that a newer program has migrated. An older program would write
// rows that the newer schema does not expect, so it refuses the database.
type NewerError struct {
	Database int64 // version of the database
	Program  int64 // newest version that this program knows
}

// Error names both versions and what to do.
func (e *NewerError) Error() string {
	return fmt.Sprintf("the database has version %d, and this program knows versions up to %d: "+
		"run the newer program again, or restore the backup that was taken before the update", e.Database, e.Program)
}

// refuseNewer returns a *NewerError if the database is newer than this program.
func refuseNewer(database, program int64) error {
	if database > program {
		return &NewerError{Database: database, Program: program}
	}
	return nil
}
