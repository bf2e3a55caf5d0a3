package stripesim

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// source is the seeded randomness behind ids, probabilities and shuffles. It has its own lock
// because deliveries use it concurrently with requests.
type source struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newSource(seed uint64) *source {
	return &source{rng: rand.New(rand.NewPCG(seed, 0x7472616e636865))}
}

func (s *source) text(length int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]byte, length)
	for i := range out {
		out[i] = idAlphabet[s.rng.IntN(len(idAlphabet))]
	}
	return string(out)
}

// id makes an identifier in the shape Stripe uses, such as pi_3 and 23 letters.
func (s *source) id(prefix string) string { return prefix + s.text(23) }

// chance reports true with probability p.
func (s *source) chance(p float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < p
}

func (s *source) below(n int64) int64 {
	if n <= 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Int64N(n)
}

// fingerprint returns the fingerprint of a card number, which all of its PaymentMethods share.
func fingerprint(number string) string {
	sum := sha256.Sum256([]byte("fingerprint:" + number))
	out := make([]byte, 16)
	for i := range out {
		out[i] = idAlphabet[int(sum[i])%len(idAlphabet)]
	}
	return string(out)
}

func requestID(s *source) string { return fmt.Sprintf("req_%s", s.text(14)) }
