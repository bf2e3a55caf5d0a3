package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"tranche/internal/billing"
)

// maxAPIBody is generous for a plan of 500 listed charges.
const maxAPIBody = 128 << 10

// decodeBody reads a JSON body strictly: an unknown field is a spelling mistake, and in a plan a costly one. It answers
// itself, and returns false, when the body can't be taken.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) bool {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if media, _, err := mime.ParseMediaType(ct); err != nil || media != "application/json" {
			writeProblem(w, problem{Status: http.StatusUnsupportedMediaType, Slug: "not_json",
				Detail: fmt.Sprintf("the body is %s; send application/json", ct)})
			return false
		}
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAPIBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
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

// bodyProblem names the field at fault where the decoder says it.
func bodyProblem(err error) problem {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge, Slug: "body_too_large",
			Detail: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	p := problem{Status: http.StatusBadRequest, Slug: "malformed_body"}
	var wrongType *json.UnmarshalTypeError
	name, unknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		p.Fields = []billing.FieldError{{Field: wrongType.Field, Message: fmt.Sprintf("is a %s, not a %s", wrongType.Value, goKind(wrongType.Type.Kind().String()))}}
	case unknown:
		p.Fields = []billing.FieldError{{Field: strings.Trim(name, `"`), Message: "there is no such field"}}
	default:
		p.Detail = "the body is not a JSON object: " + strings.TrimPrefix(err.Error(), "json: ")
		return p
	}
	p.Detail = p.Fields[0].Field + ": " + p.Fields[0].Message
	return p
}

// goKind says a Go kind in JSON's words.
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
