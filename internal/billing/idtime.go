package billing

import (
	"encoding/binary"
	"time"
)

// FirstNoticeID is the least id a notice made at or after t can have. Ids begin with their time, so
// with it an index of ids serves as one of times.
func FirstNoticeID(t time.Time) NoticeID { return NoticeID("ntc_" + firstID(t)) }

// FirstPlanID is the least id a plan made at or after t can have.
func FirstPlanID(t time.Time) PlanID { return PlanID("plan_" + firstID(t)) }

// FirstMessageID is the least id a message written at or after t can have.
func FirstMessageID(t time.Time) MessageID { return MessageID("msg_" + firstID(t)) }

// FirstDeliveryID is the least id a delivery made at or after t can have.
func FirstDeliveryID(t time.Time) DeliveryID { return DeliveryID("dlv_" + firstID(t)) }

// FirstChargeID is the least id a charge made at or after t can have.
func FirstChargeID(t time.Time) ChargeID { return ChargeID("chg_" + firstID(t)) }

// FirstCardID is the least id a card saved at or after t can have.
func FirstCardID(t time.Time) CardID { return CardID("card_" + firstID(t)) }

func firstID(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(t.UnixMilli(), 0))<<16)
	return crockford.EncodeToString(b[:])
}
