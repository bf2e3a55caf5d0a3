package stripesim

import (
	"fmt"
	"strings"
)

// maxAmount is Stripe's largest amount for most currencies, in minor units.
const maxAmount = 99_999_999

// maxAmounts are the exceptions to maxAmount, in minor units.
var maxAmounts = map[string]int64{
	"idr": 999_999_999_999, "inr": 999_999_999, "lbp": 999_999_999_999,
	"cop": 999_999_999_999, "huf": 999_999_999_999, "jpy": 999_999_999_999,
}

// minAmounts are the smallest amounts that Stripe charges, in minor units.
var minAmounts = map[string]int64{
	"usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500,
	"dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000,
	"myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}

const zeroDecimal = " bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf "

const threeDecimal = " bhd jod kwd omr tnd "

// supported lists the currencies Stripe charges in.
const supported = " usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf " +
	"chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg huf idr ils inr " +
	"isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad " +
	"ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std svc szl thb " +
	"tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw "

func knownCurrency(code string) bool {
	return len(code) == 3 && strings.Contains(supported, " "+strings.ToLower(code)+" ")
}

func decimals(currency string) int {
	switch {
	case strings.Contains(zeroDecimal, " "+currency+" "):
		return 0
	case strings.Contains(threeDecimal, " "+currency+" "):
		return 3
	}
	return 2
}

// formatAmount prints minor units as Stripe's messages do, such as $0.50 usd.
func formatAmount(amount int64, currency string) string {
	signs := map[string]string{"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
	places := decimals(currency)
	if places == 0 {
		return fmt.Sprintf("%s%d %s", signs[currency], amount, currency)
	}
	unit := int64(100)
	if places == 3 {
		unit = 1000
	}
	return fmt.Sprintf("%s%d.%0*d %s", signs[currency], amount/unit, places, amount%unit, currency)
}

// checkAmount applies the limits of the currency.
func checkAmount(amount int64, currency string) *apiError {
	if least := minAmounts[currency]; amount < least {
		return invalid("amount_too_small", "Amount must be at least "+formatAmount(least, currency)).on("amount").notSaved()
	}
	most, ok := maxAmounts[currency]
	if !ok {
		most = maxAmount
	}
	if amount > most {
		return invalid("amount_too_large", "Amount must be no more than "+formatAmount(most, currency)).on("amount").notSaved()
	}
	if decimals(currency) == 3 && amount%10 != 0 {
		return invalid("", "The amount must be a multiple of 10 in this currency: its last digit is always 0.").on("amount").notSaved()
	}
	if (currency == "isk" || currency == "ugx") && amount%100 != 0 {
		return invalid("", "The amount must be divisible by 100 in this currency, which has no minor unit.").on("amount").notSaved()
	}
	return nil
}
