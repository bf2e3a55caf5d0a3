package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"tranche/internal/export"
)

// exportAPI streams tables.
type exportAPI struct {
	base
	partTime time.Duration // for the client to take each part of a stream
}

func (a exportAPI) routes(api *router) {
	api.handle("GET /v1/export/{what}", a.export, "format", "since")
}

// export streams a table: GET /v1/export/{what}?format=csv|jsonl&since=TIME. If a read fails midway
// it closes the connection, so that the client notices the incomplete file.
func (a exportAPI) export(w http.ResponseWriter, r *http.Request) {
	table, ok := export.TableOf(r.PathValue("what"))
	if !ok {
		writeProblem(w, problem{Status: http.StatusNotFound, Slug: "not_found",
			Detail: "there is no such export; there is " + strings.Join(export.Names(), ", ")})
		return
	}
	format := export.CSV
	if f := r.URL.Query().Get("format"); f != "" {
		format = export.Format(f)
	}
	var since time.Time
	var err error
	if text := r.URL.Query().Get("since"); text != "" {
		since, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || !format.Known() {
		writeProblem(w, problem{Status: http.StatusBadRequest, Slug: "invalid_request",
			Detail: `"format" is csv or jsonl, and "since" a time as in RFC 3339, such as 2026-01-31T00:00:00Z`})
		return
	}
	w.Header().Set("Content-Type", format.MediaType())
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.%s"`, table.Name, format))
	w.Header().Set("Cache-Control", "no-store")
	conn := http.NewResponseController(w)
	out := &begun{ResponseWriter: w, extend: func() { _ = conn.SetWriteDeadline(a.clock.Wall().Add(a.partTime)) }}
	if _, err := export.WriteAudited(r.Context(), a.store, table, since, format, a.clock.Now, out, nil); err != nil {
		if !out.begun {
			w.Header().Del("Content-Disposition")
			a.fail(w, r, err)
			return
		}
		a.log.Error().Err(err).Str("what", table.Name).Msg("an export was cut off")
		panic(http.ErrAbortHandler)
	}
}

// begun remembers whether something of the body was written. A part that the client takes gives it
// time for the next.
type begun struct {
	http.ResponseWriter
	extend func()
	begun  bool
}

// Write notes that the answer has begun.
func (b *begun) Write(p []byte) (int, error) {
	b.begun = true
	b.extend()
	return b.ResponseWriter.Write(p)
}
