package paypage

import (
	"fmt"
	"testing"
)

// TestTheLook keeps pictures of the page's states on a narrow and a wide screen, light and dark, and has axe look at each.
func TestTheLook(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	_, link := s.due(cardAuthNoFunds, "en-GB")
	v := newVisitor(t, s)
	for _, width := range []int64{320, 768, 1280} {
		for _, dark := range []bool{false, true} {
			v.window(width, 900)
			v.dark(dark)
			v.goes(link)
			v.fits()
			v.accessible()
			v.shot(fmt.Sprintf("pay_%d_%t", width, dark))
		}
	}
}
