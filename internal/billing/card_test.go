package billing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tranche/internal/billing"
)

func TestTheOrderOfACustomersCards(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 10, 9, 0, 0, 0, time.UTC)
	card := func(id string, change func(c *billing.Card)) billing.Card {
		c := billing.Card{ID: billing.CardID(id), Status: billing.CardActive, ExpYear: 2030, ExpMonth: 1, CreatedAt: now}
		if change != nil {
			change(&c)
		}
		return c
	}
	place := func(n int) func(*billing.Card) { return func(c *billing.Card) { c.Position = n } }
	expired := func(n int) func(*billing.Card) {
		return func(c *billing.Card) { c.Position, c.ExpYear, c.ExpMonth = n, 2026, 4 }
	}
	for name, tc := range map[string]struct {
		cards   []billing.Card
		account string
		want    []string
	}{
		"cards without a position, oldest first": {
			cards: []billing.Card{card("young", func(c *billing.Card) { c.CreatedAt = now.Add(1) }), card("old", nil)},
			want:  []string{"old", "young"},
		},
		"the default card, its backups, then the others": {
			cards: []billing.Card{card("rest", nil), card("second", place(2)), card("default", place(1)), card("third", place(3))},
			want:  []string{"default", "second", "third", "rest"},
		},
		"an expired card is last in any position": {
			cards: []billing.Card{card("default", expired(1)), card("late", expired(0)), card("rest", nil)},
			want:  []string{"rest", "default", "late"},
		},
		"a card in its last month has not expired": {
			cards: []billing.Card{card("default", func(c *billing.Card) { c.Position, c.ExpYear, c.ExpMonth = 1, 2026, 5 }), card("rest", nil)},
			want:  []string{"default", "rest"},
		},
		"a card without an expiry date never expires": {
			cards: []billing.Card{card("default", func(c *billing.Card) { c.Position, c.ExpYear, c.ExpMonth = 1, 0, 0 }), card("rest", nil)},
			want:  []string{"default", "rest"},
		},
		"cards that must not be charged are left out": {
			cards: []billing.Card{
				card("gone", func(c *billing.Card) { c.Status = billing.CardDetached }),
				card("revoked", func(c *billing.Card) { c.Status = billing.CardRevoked }),
				card("held", func(c *billing.Card) { c.Hold = "another brand" }), card("good", nil),
			},
			want: []string{"good"},
		},
		"cards of another account are left out": {
			cards:   []billing.Card{card("platform", place(1)), card("connected", func(c *billing.Card) { c.Account = "acct_1" })},
			account: "acct_1", want: []string{"connected"},
		},
		"no cards": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range billing.CardsInOrder(tc.cards, tc.account, now) {
				got = append(got, string(c.ID))
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestTheOrderOfCardsDoesNotDependOnHowTheyAreListed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 10, 9, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		cards := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) billing.Card {
			return billing.Card{
				ID: billing.CardID(rapid.StringN(1, 4, 4).Draw(t, "id")), Position: rapid.IntRange(0, 3).Draw(t, "position"),
				Status:  rapid.SampledFrom([]billing.CardStatus{billing.CardActive, billing.CardDetached}).Draw(t, "status"),
				ExpYear: rapid.IntRange(2025, 2027).Draw(t, "year"), ExpMonth: rapid.IntRange(1, 12).Draw(t, "month"),
				CreatedAt: now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Hour),
			}
		}), 0, 6, func(c billing.Card) billing.CardID { return c.ID }).Draw(t, "cards")
		shuffled := rapid.Permutation(cards).Draw(t, "shuffled")
		require.Equal(t, billing.CardsInOrder(cards, "", now), billing.CardsInOrder(shuffled, "", now))
	})
}
