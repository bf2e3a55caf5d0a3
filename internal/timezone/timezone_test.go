package timezone_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/internal/timezone"
)

func TestLoad_IANANames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+12", "EST5EDT"} {
		loc, err := timezone.Load(name)
		require.NoError(t, err, name)
		require.Equal(t, name, loc.String())
		require.Equal(t, loc, timezone.OrUTC(name))
	}
}

// The time zone database of a machine holds files that are no place.
func TestLoad_FilesThatAreNoPlace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Local", "local", "localtime", "posixrules", "Factory", "right/UTC", "right/Europe/London", "Right/UTC",
		"posix/UTC", "posix/Europe/London", "Mars/Olympus", "zone.tab", "../etc/passwd", "Europe", "Europe/London\x00"} {
		_, err := timezone.Load(name)
		require.Error(t, err, name)
		require.Equal(t, time.UTC, timezone.OrUTC(name), name)
	}
}
