// Package hostport decides which ports of a URL are accepted. Settings and webhook endpoints share
// it.
package hostport

import "strconv"

// CanConnect reports whether the port of a URL can be connected to: 1 to 65535, or empty for the
// scheme's own port. A port outside of that fails at each connection instead of where it is given.
func CanConnect(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}
