//go:build !unix

package sqlite

// home returns nothing: this system cannot distinguish a copy of the file from its original.
func home(string) (string, error) { return "", nil }
