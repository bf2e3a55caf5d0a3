package handlers

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed page/pay.html page/pay.css page/pay.js
var pageFiles embed.FS

// pageAssets are the files of the page. Their names hold a hash of their content, so that a browser
// may cache them permanently and still loads the new files after an upgrade.
type pageAssets struct {
	template *template.Template
	css, js  string            // paths
	files    map[string][]byte // by name
}

// loadAssets reads the embedded files. It panics on a fault, which is a fault of the build.
var loadAssets = sync.OnceValue(func() *pageAssets {
	a := &pageAssets{template: template.Must(template.ParseFS(pageFiles, "page/pay.html")), files: map[string][]byte{}}
	a.css, a.js = a.add("pay.css"), a.add("pay.js")
	return a
})

func (a *pageAssets) add(name string) (at string) {
	data, err := fs.ReadFile(pageFiles, "page/"+name)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(data)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
	a.files[hashed] = data
	return "/pay/assets/" + hashed
}

func payAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	data, ok := loadAssets().files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

// writePage renders the whole page before it sends anything: half a page would be worse than none.
func (s *payServer) writePage(w http.ResponseWriter, status int, p payPage) {
	var b bytes.Buffer
	if err := loadAssets().template.ExecuteTemplate(&b, "pay.html", p); err != nil {
		s.log.Error().Err(err).Msg("page not rendered")
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
}
