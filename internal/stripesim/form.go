package stripesim

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// node is one value of a decoded form: a text, or named children. Lists are
// children named 0, 1, 2 and so on.
type node struct {
	text     string
	children map[string]*node
	order    []string
}

func (n *node) isHash() bool { return n != nil && n.children != nil }

// get returns the child with that name, or nil; it may be called on nil.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

func (n *node) has(name string) bool { return n.get(name) != nil }

// str returns the text of the named child, or "".
func (n *node) str(name string) string {
	child := n.get(name)
	if child == nil {
		return ""
	}
	return child.text
}

// num returns the integer of the named child; checks have run before.
func (n *node) num(name string) int64 {
	value, err := strconv.ParseInt(n.str(name), 10, 64)
	if err != nil {
		return 0
	}
	return value
}

func (n *node) flag(name string) bool { return n.str(name) == "true" }

// items returns the texts of a list.
func (n *node) items(name string) []string {
	child := n.get(name)
	if child == nil {
		return nil
	}
	if !child.isHash() {
		return nonEmpty(child.text)
	}
	out := make([]string, 0, len(child.order))
	for _, key := range child.order {
		out = append(out, child.children[key].text)
	}
	return out
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// hash returns the texts of a one-level hash such as metadata.
func (n *node) hash(name string) map[string]string {
	out := map[string]string{}
	child := n.get(name)
	if child == nil {
		return out
	}
	for key, value := range child.children {
		out[key] = value.text
	}
	return out
}

func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if name == "" {
		name = strconv.Itoa(len(n.order))
	}
	if existing, ok := n.children[name]; ok {
		return existing
	}
	made := &node{}
	n.children[name] = made
	n.order = append(n.order, name)
	return made
}

// parseForm decodes an application/x-www-form-urlencoded text with Stripe's
// nested brackets: a[b]=1, a[]=1, a[0][b]=1.
func parseForm(raw string) (*node, error) {
	root := &node{children: map[string]*node{}}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(name)
		if err != nil {
			return nil, fmt.Errorf("form key: %w", err)
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("form value of %s: %w", key, err)
		}
		put(root, splitKey(key), text)
	}
	return root, nil
}

func put(at *node, path []string, text string) {
	for _, part := range path {
		at = at.child(part)
	}
	at.text = text
}

// splitKey splits "a[b][c]" into a, b, c.
func splitKey(key string) []string {
	open := strings.IndexByte(key, '[')
	if open <= 0 || !strings.HasSuffix(key, "]") {
		return []string{key}
	}
	inner := key[open+1 : len(key)-1]
	return append([]string{key[:open]}, strings.Split(inner, "][")...)
}
