package stripesim

import (
	"encoding/json"
	"path"
	"reflect"
	"time"
)

// emit records an event and delivers it to every subscribed endpoint. The object is copied as it is
// now. c is nil if no API request caused the event.
func (s *Server) emit(c *call, kind string, about, previous object) {
	made := &event{
		id: s.random.id("evt_1"), kind: kind, version: s.opts.EventAPIVersion, account: s.name(), created: s.now(), object: encode(about), previous: previous,
	}
	if c != nil {
		made.requestID, made.key = c.requestID, c.key
	}
	s.state.events.add(made.id, made)
	hooks := s.listeners(kind)
	made.pending = len(hooks)
	for _, hook := range hooks {
		s.delivery.add(made, hook)
	}
}

// emitChange is emit for *.updated events: previous_attributes holds the old
// values of the fields that changed. No change, no event.
func (s *Server) emitChange(c *call, kind string, before, after object) {
	previous := changed(before, after)
	if len(previous) == 0 {
		return
	}
	s.emit(c, kind, after, previous)
}

// changed returns the old values of fields that differ, including nested objects.
func changed(before, after object) object {
	previous := object{}
	for name, old := range before {
		oldObject, wasObject := old.(object)
		newObject, isObject := after[name].(object)
		switch {
		case reflect.DeepEqual(old, after[name]):
		case wasObject && isObject:
			previous[name] = changed(oldObject, newObject)
		default:
			previous[name] = old
		}
	}
	return previous
}

// wants reports whether the endpoint subscribed to a type of event.
func (e *endpoint) wants(kind string) bool {
	if e.status != "enabled" {
		return false
	}
	for _, pattern := range e.events {
		if ok, err := path.Match(pattern, kind); err == nil && ok {
			return true
		}
	}
	return false
}

func (s *Server) getEvent(c *call) (any, *apiError) {
	found, ok := s.state.events.get(c.ids[0])
	if !ok {
		return nil, missing(404, "event", c.ids[0], "id")
	}
	return found.view(), nil
}

// maxEventTypes is Stripe's limit on types[].
const maxEventTypes = 20

// eventLife is how far back Stripe lists events.
const eventLife = 30 * 24 * time.Hour

func (s *Server) listEvents(c *call) (any, *apiError) {
	types := c.in.items("types")
	if c.in.has("type") && len(types) > 0 {
		return nil, invalid("", "You may only specify one of these parameters: type, types.").on("type").notSaved()
	}
	if len(types) > maxEventTypes {
		return nil, invalid("", "You can only specify up to 20 types.").on("types").notSaved()
	}
	if c.in.has("type") {
		types = []string{c.in.str("type")}
	}
	oldest := s.opts.Now().Add(-eventLife).Unix()
	found := keep(s.state.events.oldestFirst(), func(one *event) bool {
		return one.created >= oldest && inCreated(c.in, one.created) && one.isOneOf(types) && one.deliveredAs(c.in)
	})
	return page(c, "event", found, func(one *event) string { return one.id }, (*event).view)
}

func (e *event) isOneOf(types []string) bool {
	for _, pattern := range types {
		if ok, err := path.Match(pattern, e.kind); err == nil && ok {
			return true
		}
	}
	return len(types) == 0
}

// deliveredAs applies delivery_success: false selects events that an endpoint has not accepted
// (pending or failed), true the others.
func (e *event) deliveredAs(in *node) bool {
	if !in.has("delivery_success") {
		return true
	}
	return in.flag("delivery_success") == (e.pending == 0 && e.failed == 0)
}

// renderEvent returns the body to deliver, in the event's current state.
func (s *Server) renderEvent(id, version string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.events.get(id)
	if !ok {
		return nil
	}
	body := found.view()
	if version != "" {
		body["api_version"] = version
	}
	return encode(body)
}

// settle records how a delivery ended.
func (s *Server) settle(id string, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.state.events.get(id)
	if !ok {
		return
	}
	found.pending--
	if !delivered {
		found.failed++
	}
}
