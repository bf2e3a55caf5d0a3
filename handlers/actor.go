package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"tranche/internal/billing"
)

// actorHeader names the person behind the API key for the audit trail. Its value is not verified.
const actorHeader = "X-Tranche-Actor"

// maxActorName bounds the header, in characters.
const maxActorName = 100

// partyOf returns the actor of an authenticated request: the key, and the person in actorHeader.
func partyOf(r *http.Request, key string) (billing.Party, error) {
	name := strings.TrimSpace(r.Header.Get(actorHeader))
	if utf8.RuneCountInString(name) > maxActorName || !isLine(name) {
		return billing.Party{}, fmt.Errorf("the header %s is not one line of UTF-8 text of at most %d characters", actorHeader, maxActorName)
	}
	return billing.Party{Actor: billing.NewActor(billing.ActorKey, KeyFingerprint(key)), Name: name}, nil
}

// isLine reports whether every terminal and page shows s unchanged: it has no control characters,
// line ends or marks that change the direction of writing.
func isLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// KeyFingerprint identifies an API key in the audit trail: the first 12 hexadecimal digits of a
// hash.
func KeyFingerprint(key string) string {
	sum := sha256.Sum256([]byte("tranche api key v1\n" + key))
	return hex.EncodeToString(sum[:6])
}
