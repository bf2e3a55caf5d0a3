package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode"

	"tranche/internal/billing"
	"tranche/internal/plaintext"
)

// maxAPIBody is ample for a plan of 500 listed charges.
const maxAPIBody = 128 << 10

// bodySeen is the key of a function in a request's context that receives what the body is read
// into. Tests learn from it which fields each route takes.
type bodySeen struct{}

// decodeBody reads a JSON body strictly: an unknown field is a spelling mistake, which can be
// costly in a plan. Every string must be text that both databases can store. If the body is
// invalid, decodeBody sends the answer and returns false.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if seen, ok := r.Context().Value(bodySeen{}).(func(into any)); ok {
		seen(into)
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if media, _, err := mime.ParseMediaType(ct); err != nil || media != "application/json" {
			writeProblem(w, problem{Status: http.StatusUnsupportedMediaType, Slug: "not_json",
				Detail: fmt.Sprintf("the body is %s; send application/json", ct)})
			return false
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAPIBody))
	if err != nil {
		writeProblem(w, bodyProblem(err))
		return false
	}
	if faults := plaintext.JSONFaults(body); len(faults) > 0 {
		writeProblem(w, problemOf(&billing.InvalidError{Fields: faults}))
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err = dec.Decode(into)
	if err == nil {
		if _, trailing := dec.Token(); !errors.Is(trailing, io.EOF) {
			err = errors.New("there is more after the JSON object")
		}
	}
	if err == nil {
		return true
	}
	writeProblem(w, bodyProblem(err))
	return false
}

// bodyProblem returns the problem of an invalid body. It names the field if the decoder does.
func bodyProblem(err error) problem {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge, Slug: "body_too_large",
			Detail: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	if p, ok := arrivalProblem(err); ok {
		return p
	}
	p := problem{Status: http.StatusBadRequest, Slug: "malformed_body"}
	var wrongType *json.UnmarshalTypeError
	name, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		p.Fields = []billing.FieldError{{Field: jsonPath(wrongType.Field), Message: fmt.Sprintf("is a %s, not a %s", wrongType.Value, goKind(wrongType.Type.Kind().String()))}}
	case unknown:
		p.Fields = []billing.FieldError{{Field: strings.Trim(name, `"`), Message: "there is no such field"}}
	case wrongType != nil: // the whole body; the error's own text names Go types
		p.Detail = "the body is not a JSON object, but a JSON " + wrongType.Value
		return p
	default:
		p.Detail = "the body is not a JSON object: " + strings.TrimPrefix(err.Error(), "json: ")
		return p
	}
	p.Detail = p.Fields[0].Field + ": " + p.Fields[0].Message
	return p
}

// arrivalProblem returns the problem of a body that did not arrive in time or exceeds the limit of
// all requests together.
func arrivalProblem(err error) (problem, bool) {
	switch {
	case errors.Is(err, errBusy):
		return problem{Status: http.StatusServiceUnavailable, Slug: "busy", Retry: retryAfter, Close: true,
			Detail: "too many requests are being read at once; send the same request again"}, true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem{Status: http.StatusRequestTimeout, Slug: "body_too_slow", Close: true, Detail: "the body did not arrive in time"}, true
	}
	return problem{}, false
}

// jsonPath returns the path of a field in the JSON body: encoding/json adds the names of embedded
// Go structs, which are the only names with a capital letter.
func jsonPath(field string) string {
	steps := strings.Split(field, ".")
	return strings.Join(slices.DeleteFunc(steps, func(s string) bool { return s != "" && unicode.IsUpper(rune(s[0])) }), ".")
}

// goKind returns JSON's name for a Go kind.
func goKind(kind string) string {
	switch kind {
	case "int64", "int":
		return "whole number"
	case "struct":
		return "object"
	case "slice":
		return "list"
	}
	return kind
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone when this fails
}
