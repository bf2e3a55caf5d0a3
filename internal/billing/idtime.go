package billing

import (
	"encoding/binary"
	"time"
)

// FirstNoticeID returns the lowest possible id of a notice created at or after t. Ids begin with
// their time, so the index of ids also serves as an index of times.
func FirstNoticeID(t time.Time) NoticeID { return NoticeID("ntc_" + firstID(t)) }

// FirstPlanID returns the lowest possible id of a plan created at or after t.
func FirstPlanID(t time.Time) PlanID { return PlanID("plan_" + firstID(t)) }

// FirstMessageID returns the lowest possible id of a message created at or after t.
func FirstMessageID(t time.Time) MessageID { return MessageID("msg_" + firstID(t)) }

// FirstDeliveryID returns the lowest possible id of a delivery created at or after t.
func FirstDeliveryID(t time.Time) DeliveryID { return DeliveryID("dlv_" + firstID(t)) }

// FirstChargeID returns the lowest possible id of a charge created at or after t.
func FirstChargeID(t time.Time) ChargeID { return ChargeID("chg_" + firstID(t)) }

// FirstCardID returns the lowest possible id of a card saved at or after t.
func FirstCardID(t time.Time) CardID { return CardID("card_" + firstID(t)) }

func firstID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(t.UnixMilli(), 0))<<16)
	return crockford.EncodeToString(b[:])
}
