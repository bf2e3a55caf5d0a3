package billing

import (
	"crypto/sha256"
	"encoding/hex"
)

// MailID returns the Message-ID of the notice's mail: a hash of the notice's unique key, at the
// sender's domain. When a restored database has lost the record of a mail, the mail is sent again
// under the same Message-ID, and mail servers drop the duplicate.
func (n Notice) MailID(domain string) string {
	subject := string(n.ChargeID)
	if subject == "" {
		subject = string(n.CustomerID)
	}
	sum := sha256.Sum256([]byte(subject + "\x00" + n.Step + "\x00" + n.Channel))
	return "ntc." + hex.EncodeToString(sum[:16]) + "@" + domain
}
