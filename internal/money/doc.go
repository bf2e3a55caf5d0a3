// Package money holds amounts in minor units: currencies with Stripe's decimals and limits, how a
// total is split into parts, percentages, and how amounts are written for people.
package money
