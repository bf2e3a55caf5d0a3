package paypage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tranche/internal/locale"
)

// looked checks the current page with axe on a narrow and a wide screen, light and dark, and keeps
// screenshots.
func (v *visitor) looked(name string) {
	v.t.Helper()
	for _, width := range []int64{320, 768} {
		for _, dark := range []bool{false, true} {
			v.window(width, 800)
			v.dark(dark)
			v.fits()
			shade := "light"
			if dark {
				shade = "dark"
			}
			if dark == (width > 320) { // every color scheme and every width once
				v.accessible()
			}
			v.shot(fmt.Sprintf("%s_%d_%s", name, width, shade))
		}
	}
	v.window(390, 844)
	v.dark(false)
}

func TestThePageLooksGoodAndIsAccessibleInEveryState(t *testing.T) {
	t.Parallel()
	t.Run("due", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		_, link := s.due(cardAuthNoFunds, "en-GB")
		v := newVisitor(t, s)
		v.goes(link)
		v.reads("There was not enough money available on the card.")
		v.reads("Otherwise we will try the saved card again")
		v.looked("due")
		v.gives("pay", cardNoFunds)
		v.looked("another card")
		v.sends("pay")
		v.reads("You can try again or use another card.")
		v.looked("declined")
		v.clicks(".wallet details:last-of-type summary")
		v.looked("remove")
	})
	t.Run("authenticate", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		p, link := s.due(cardAuthAlways, "en-GB")
		v := newVisitor(t, s)
		v.goes(link)
		v.reads("Please confirm your payment")
		v.looked("authenticate")
		v.sends("pay")
		v.sees(`document.querySelector('dialog[open]')`)
		v.looked("challenge")
		v.answersTheBank(true)
		v.paid()
		v.looked("paid")
		s.requirePaidOnce(p, 2)
	})
	t.Run("ahead", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		p := s.begun(cardGood, "en-GB")
		v := newVisitor(t, s)
		v.goes(s.link(p, 2))
		v.reads("Your next payment")
		v.looked("ahead")
		v.clicks(".pay summary")
		v.looked("ahead open")
		v.clicks(".wallet details summary")
		v.looked("change card")
	})
	t.Run("first", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		v := newVisitor(t, s)
		v.goes(s.link(s.plan("en-GB"), 1))
		v.reads("Your payment")
		v.looked("first")
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, nil)
		v := newVisitor(t, s)
		v.goes(s.url + "/pay/unknown")
		v.reads("This link is no longer valid")
		v.looked("gone")
		v.clicks("main form button")
		v.reads("Please check your email")
		v.looked("renewed")
	})
}

func TestEveryLanguageFitsANarrowScreen(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	p := s.begun(cardGood, "en-GB")
	link := s.link(p, 2)
	v := newVisitor(t, s)
	v.window(320, 800)
	for _, tag := range locale.Tags() {
		s.speak(p, tag)
		v.goes(link)
		require.Equal(t, tag, must[string](v, "document.documentElement.lang"))
		v.reads(locale.Match(tag).Text("page.ahead_title", nil))
		v.clicks(".pay summary")
		v.clicks("form[data-form=pay] input[value=other]")
		v.clicks(".wallet details:last-of-type summary")
		v.fits()
		v.accessible("color-contrast") // the colors are the same in every language, and checking them takes longest
		v.shot(tag)
	}
}
