package handlers

import (
	"sync"
	"time"
)

const (
	// wrongKeysPerMinute is how many requests with a wrong API key a network may send. It does not
	// limit requests with the right key.
	wrongKeysPerMinute = 20
	// guessLogEvery is how often the wrong keys of one network are logged.
	guessLogEvery = time.Minute
	// maxGuessers bounds the networks that are counted and logged separately. All further networks
	// are counted together.
	maxGuessers = 1000
	// otherGuessers stands for the networks beyond maxGuessers.
	otherGuessers = "others"
)

// keyGuesses counts requests with a wrong API key by network until they are logged.
type keyGuesses struct {
	mu       sync.Mutex
	networks map[string]*guesser
	next     time.Time // when the first of the networks is due
}

// guesser is the time when a network was last logged, and the number of its requests since.
type guesser struct {
	logged time.Time
	count  int
}

// guessLine is one line of the log about a network.
type guessLine struct {
	network string
	count   int
}

// note counts a wrong key. It returns a line if this is the network's first, which is logged at
// once.
func (g *keyGuesses) note(network string, now time.Time) []guessLine {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.networks == nil {
		g.networks = map[string]*guesser{}
	}
	if g.networks[network] == nil && len(g.networks) >= maxGuessers {
		network = otherGuessers
	}
	if known := g.networks[network]; known != nil {
		known.count++
		return nil
	}
	if len(g.networks) == 0 {
		g.next = now.Add(guessLogEvery)
	}
	g.networks[network] = &guesser{logged: now}
	return []guessLine{{network, 1}}
}

// due returns the networks that sent more wrong keys since they were logged a minute ago, and drops
// the networks that sent none.
func (g *keyGuesses) due(now time.Time) []guessLine {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.networks) == 0 || now.Before(g.next) {
		return nil
	}
	var lines []guessLine
	g.next = now.Add(guessLogEvery)
	for network, k := range g.networks {
		switch {
		case now.Sub(k.logged) < guessLogEvery:
		case k.count == 0:
			delete(g.networks, network)
			continue
		default:
			lines = append(lines, guessLine{network, k.count})
			*k = guesser{logged: now}
		}
		if at := k.logged.Add(guessLogEvery); at.Before(g.next) {
			g.next = at
		}
	}
	return lines
}

// all returns all counts that are not logged yet.
func (g *keyGuesses) all() []guessLine {
	g.mu.Lock()
	defer g.mu.Unlock()
	var lines []guessLine
	for network, k := range g.networks {
		if k.count > 0 {
			lines = append(lines, guessLine{network, k.count})
		}
	}
	g.networks = nil
	return lines
}
