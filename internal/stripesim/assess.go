package stripesim

import (
	"strconv"
	"time"
)

// attempt is one try to charge a card.
type attempt struct {
	method                    *paymentMethod
	now                       time.Time
	offSession, authenticated bool
	forced                    string // decline code from a fault rule
	asked3DS                  bool   // by request_three_d_secure
}

// verdict is the result of an attempt: a challenge, a decline, or success.
type verdict struct {
	challenge bool
	decline   string
}

// Metadata keys of a PaymentMethod that steer its charges.
const (
	metaDecline        = "sim_decline_code"
	metaDeclineInitial = "sim_decline_initial"
	metaDeclineLater   = "sim_decline_later"
	metaDeclineCount   = "sim_decline_count"
	metaNoCharge       = "sim_no_charge"
)

// assess decides an attempt. Faults on demand come before the card's own behavior, and
// authentication before the issuer's decision.
func (s *Server) assess(a attempt) verdict {
	wish := a.forced
	if wish == "" {
		wish = a.method.wish(a.offSession)
	}
	if wish != "" && wish != "authentication_required" {
		return verdict{decline: wish}
	}
	if s.opts.DeclineExpired && a.method.expired(a.now) {
		return verdict{decline: "expired_card"}
	}
	if a.method.card.blocked {
		return verdict{decline: "highest_risk_level"}
	}
	if s.needsAuthentication(a, wish != "") {
		return a.authenticate()
	}
	return verdict{decline: s.issuerSays(a)}
}

// authenticate returns the verdict on an attempt that needs 3-D Secure.
func (a attempt) authenticate() verdict {
	switch {
	case a.offSession:
		return verdict{decline: "authentication_required"}
	case a.method.card.fails3DS != "":
		return verdict{decline: a.method.card.fails3DS}
	}
	return verdict{challenge: true}
}

// issuerSays returns the card's own decline code, or "".
func (s *Server) issuerSays(a attempt) string {
	card := a.method.card
	if card.decline != "" {
		return card.decline
	}
	later := a.offSession || !card.mandate && (a.method.paid > 0 || a.method.setUp)
	if later || s.opts.Card3178InitialFails {
		return card.declineLater
	}
	return ""
}

func (s *Server) needsAuthentication(a attempt, demanded bool) bool {
	if a.authenticated {
		return false
	}
	switch a.method.card.auth {
	case authAlways:
		return true
	case authOnSession:
		return !a.offSession || demanded
	case authUnlessSetUp:
		return !a.offSession || !a.method.setUp || demanded
	}
	return demanded || !a.offSession && a.asked3DS
}

// asked reports whether options ask for 3-D Secure of a card that supports it.
func (c testCard) asked(options object) bool {
	how := options["request_three_d_secure"]
	return !c.no3DS && (how == "any" || how == "challenge")
}

// wish returns the decline code that the PaymentMethod's metadata asks for.
func (p *paymentMethod) wish(offSession bool) string {
	if limit, err := strconv.Atoi(p.metadata[metaDeclineCount]); err == nil && p.declined >= limit {
		return ""
	}
	if code := p.metadata[metaDecline]; code != "" {
		return code
	}
	if offSession || p.paid > 0 {
		return p.metadata[metaDeclineLater]
	}
	return p.metadata[metaDeclineInitial]
}

// applyOverrides lets metadata set the advice and network codes of a decline.
func (s *Server) applyOverrides(body object, method *paymentMethod) {
	if s.opts.OmitAdvice {
		return
	}
	for key, field := range map[string]string{
		"sim_advice_code": "advice_code", "sim_network_advice_code": "network_advice_code", "sim_network_decline_code": "network_decline_code",
	} {
		if value := method.metadata[key]; value != "" {
			body[field] = value
		}
	}
}

// expired reports whether the card's last month is over.
func (p *paymentMethod) expired(now time.Time) bool {
	end := time.Date(int(p.expYear), time.Month(p.expMonth)+1, 1, 0, 0, 0, 0, time.UTC)
	return !now.Before(end)
}
