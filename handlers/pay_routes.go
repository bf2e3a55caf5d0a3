package handlers

import (
	"net/http"

	"golang.org/x/sync/semaphore"
)

func newPayServer(c Config, bytes *semaphore.Weighted) *payServer {
	return &payServer{
		page: c.Pay, csp: contentPolicy(c.Pay), codes: codesJSON(c.Pay.Reasons),
		trusted: c.TrustedProxies, allow: c.Allow, bytes: bytes, log: c.Log,
	}
}

func (s *payServer) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /pay/assets/{file}", payAsset)
	mux.Handle("GET /pay/{token}", s.guardPage(viewsPerMinute, s.showPay))
	mux.Handle("POST /pay/{token}/state", s.guardPage(viewsPerMinute, s.payState))
	mux.Handle("POST /pay/{token}/intent", s.guardPage(triesPerMinute, s.payIntent))
	mux.Handle("POST /pay/{token}/card", s.guardPage(triesPerMinute, s.payCard))
	mux.Handle("POST /pay/{token}/card/remove", s.guardPage(triesPerMinute, s.payRemoveCard))
	mux.Handle("POST /pay/{token}/renew", s.guardPage(triesPerMinute, s.payRenew))
}
