package billing

import (
	"crypto/sha256"
	"encoding/hex"
)

// MailID returns the Message-ID of the notice's mail: what makes the notice unique, hashed, at the
// sender's domain. When a restored database has lost that a mail was sent, the mail goes out again
// under the same Message-ID, which mail servers drop.
func (n Notice) MailID(domain string) string {
	subject := string(n.ChargeID)
	if subject == "" {
		subject = string(n.CustomerID)
	}
	sum := sha256.Sum256([]byte(subject + "\x00" + n.Step + "\x00" + n.Channel))
	return "ntc." + hex.EncodeToString(sum[:16]) + "@" + domain
}
