package stripegw_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v76/webhook"

	"tranche/internal/stripegw"
)

func sign(at time.Time, payload, secret string) string {
	return hex.EncodeToString(webhook.ComputeSignature(at, []byte(payload), secret))
}

func TestVerifySignature(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	const body = `{"id":"evt_1"}`
	v1 := func(at time.Time, secret string) string { return "v1=" + sign(at, body, secret) }
	stamp := func(at time.Time) string { return fmt.Sprintf("t=%d", at.Unix()) }
	header := func(at time.Time, parts ...string) string {
		return strings.Join(append([]string{stamp(at)}, parts...), ",")
	}
	ago, ahead := now.Add(-5*time.Minute), now.Add(5*time.Minute)
	one := []string{"whsec_new"}
	tests := map[string]struct {
		header  string
		secrets []string
		want    error
	}{
		"good":                         {header(now, v1(now, "whsec_new")), one, nil},
		"rolled, signed with both":     {header(now, v1(now, "whsec_old"), v1(now, "whsec_new")), one, nil},
		"rolling, signed with the old": {header(now, v1(now, "whsec_old")), []string{"whsec_new", "whsec_old"}, nil},
		"v0 beside v1":                 {header(now, v1(now, "whsec_new"), "v0="+sign(now, body, "x")), one, nil},
		"oldest allowed":               {header(ago, v1(ago, "whsec_new")), one, nil},
		"newest allowed":               {header(ahead, v1(ahead, "whsec_new")), one, nil},
		"blank among the secrets":      {header(now, v1(now, "whsec_new")), []string{"", "whsec_new"}, nil},
		"too old":                      {header(ago.Add(-time.Second), v1(ago.Add(-time.Second), "whsec_new")), one, stripegw.ErrTooOld},
		"too new":                      {header(ahead.Add(time.Second), v1(ahead.Add(time.Second), "whsec_new")), one, stripegw.ErrTooNew},
		"other secret":                 {header(now, v1(now, "whsec_other")), one, stripegw.ErrNoValidSignature},
		"other body":                   {header(now, "v1="+sign(now, body+" ", "whsec_new")), one, stripegw.ErrNoValidSignature},
		"v0 alone":                     {header(now, "v0="+sign(now, body, "whsec_new")), one, stripegw.ErrNoValidSignature},
		"not hex":                      {header(now, "v1=zz"), one, stripegw.ErrNoValidSignature},
		"no signature":                 {stamp(now), one, stripegw.ErrNoValidSignature},
		"no header":                    {"", one, stripegw.ErrNotSigned},
		"no equals sign":               {"nonsense", one, stripegw.ErrInvalidHeader},
		"no time":                      {v1(time.Time{}, "whsec_new"), one, stripegw.ErrInvalidHeader},
		"time zero":                    {header(time.Unix(0, 0), v1(time.Unix(0, 0), "whsec_new")), one, stripegw.ErrInvalidHeader},
		"time is a word":               {"t=now," + v1(now, "whsec_new"), one, stripegw.ErrInvalidHeader},
		"replay with a second time":    {stamp(now) + "," + header(ago.Add(-time.Hour), v1(ago.Add(-time.Hour), "whsec_new")), one, stripegw.ErrInvalidHeader},
		"old and forged":               {header(ago.Add(-time.Hour), v1(now, "whsec_new")), one, stripegw.ErrNoValidSignature},
		"no secrets":                   {header(now, v1(now, "")), nil, stripegw.ErrNoSecret},
		"empty secret":                 {header(now, v1(now, "")), []string{""}, stripegw.ErrNoSecret},
		"blank secret":                 {header(now, v1(now, "  ")), []string{"  "}, stripegw.ErrNoSecret},
		"empty secret beside another":  {header(now, v1(now, "")), []string{"", "whsec_new"}, stripegw.ErrNoValidSignature},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := stripegw.VerifySignature([]byte(body), tt.header, tt.secrets, 5*time.Minute, now)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, err, stripegw.VerifySignature([]byte(body), tt.header, tt.secrets, 0, now), "0 means the default")
			if tt.want == nil {
				require.NoError(t, stripegw.CheckHeader(tt.header, 5*time.Minute, now), "a good one is never refused by its header")
			}
		})
	}
}

func TestCheckHeader(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767225600, 0)
	mac := strings.Repeat("ab", 32)
	for header, want := range map[string]error{
		"":                                    stripegw.ErrNotSigned,
		"nonsense":                            stripegw.ErrInvalidHeader,
		"v1=" + mac:                           stripegw.ErrInvalidHeader,
		"t=now,v1=" + mac:                     stripegw.ErrInvalidHeader,
		"t=1767225600,t=1767225600,v1=" + mac: stripegw.ErrInvalidHeader,
		"t=1767225299,v1=" + mac:              stripegw.ErrTooOld,
		"t=1767225901,v1=" + mac:              stripegw.ErrTooNew,
		"t=1767225600":                        stripegw.ErrNoValidSignature,
		"t=1767225600,v0=" + mac:              stripegw.ErrNoValidSignature,
		"t=1767225600,v1=" + mac[2:]:          stripegw.ErrNoValidSignature,
		"t=1767225600,v1=" + mac + "ab":       stripegw.ErrNoValidSignature,
		"t=1767225600,v1=zz" + mac[2:]:        stripegw.ErrNoValidSignature,
		"t=1767225600,v1=" + mac:              nil,
		"t=1767225300,v1=zz,v1=" + mac:        nil,
	} {
		require.Equal(t, want, stripegw.CheckHeader(header, 5*time.Minute, now), header)
	}
}
