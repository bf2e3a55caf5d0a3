package handlers_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tranche/handlers"
	"tranche/internal/billing"
)

func TestCustomersAndTheirCardsOverHTTP(t *testing.T) {
	eachEngine(t, func(s *surface) {
		s.activePlan("order-1")
		ada, err := s.store.CustomerByReference(s.t.Context(), "ada")
		require.NoError(s.t, err)
		cards := make([]billing.Card, 2)
		require.NoError(s.t, s.store.Update(s.t.Context(), func(tx billing.Tx) error {
			for i := range cards {
				cards[i] = billing.Card{
					ID: billing.NewCardID(time.Now()), CustomerID: ada.ID, PaymentMethod: "pm_" + string(rune('a'+i)), Brand: "visa", Last4: "4242",
					Status: billing.CardActive, CreatedAt: time.Now(), UpdatedAt: time.Now(),
				}
				if err := tx.InsertCard(s.t.Context(), cards[i]); err != nil {
					return err
				}
			}
			return nil
		}))
		ask := func(method, path, body string, to any) {
			a := s.api(method, path, body)
			require.Equal(s.t, http.StatusOK, a.status, "%s %s: %s", method, path, a.body)
			require.NoError(s.t, json.Unmarshal(a.body, to))
		}
		var list handlers.ListView[handlers.CustomerView]
		ask("GET", "/v1/customers", "", &list)
		require.Len(s.t, list.Data, 1)
		require.Equal(s.t, http.StatusBadRequest, s.api("GET", "/v1/customers?before=x", "").status)

		var shown handlers.CustomerView
		ask("PATCH", "/v1/customers/ada", `{"name": "Ada L.", "timezone": "Asia/Tokyo"}`, &shown)
		require.Equal(s.t, []string{"Ada L.", "Asia/Tokyo", "ada@example.com"}, []string{shown.Name, shown.TimeZone, shown.Email})
		require.Len(s.t, shown.Cards, 2)
		ask("GET", "/v1/customers/"+string(ada.ID), "", &shown)
		require.Equal(s.t, "Ada L.", shown.Name)
		bad := s.api("PATCH", "/v1/customers/ada", `{"email": "nowhere"}`)
		require.Equal(s.t, http.StatusUnprocessableEntity, bad.status)
		require.Equal(s.t, "email", bad.problem(s.t).Errors[0].Field)

		var kept handlers.ListView[handlers.CardView]
		ask("PUT", "/v1/customers/ada/cards", `{"order": ["`+string(cards[1].ID)+`", "`+string(cards[0].ID)+`"]}`, &kept)
		require.Equal(s.t, []int{2, 1}, []int{kept.Data[0].Position, kept.Data[1].Position})
		ask("POST", "/v1/cards/"+string(cards[0].ID)+"/default", "", &kept)
		require.Equal(s.t, []int{1, 2}, []int{kept.Data[0].Position, kept.Data[1].Position})
		ask("POST", "/v1/cards/"+string(cards[0].ID)+"/remove", "", &kept)
		require.Equal(s.t, billing.CardDetached, kept.Data[0].Status)
		ask("GET", "/v1/customers/ada/cards", "", &kept)
		require.Len(s.t, kept.Data, 2)
		require.Equal(s.t, "refused", s.api("POST", "/v1/cards/"+string(cards[1].ID)+"/release", "").problem(s.t).Code)
		require.Equal(s.t, http.StatusNotFound, s.api("POST", "/v1/cards/card_none/remove", "").status)
	})
}
