package billing

import (
	"encoding/binary"
	"time"
)

// FirstNoticeID is the least id a notice made at or after t can have. Ids begin with their time, so with it an index of
// ids serves as one of times.
func FirstNoticeID(t time.Time) NoticeID {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(t.UnixMilli(), 0))<<16)
	return NoticeID("ntc_" + crockford.EncodeToString(b[:]))
}
