package pages

import (
	"bytes"
	"html/template"
	"net/http"
)

// onward is a page outside the layout, because it is shown to a browser that is not let in yet.
var onward = template.Must(template.New("onward.html").Funcs(functions).ParseFS(templateFiles, "templates/onward.html"))

// Onward returns a page that leads to an address at once, and has a link for a browser that does not follow.
func Onward(address string) ([]byte, error) {
	var out bytes.Buffer
	err := onward.Execute(&out, address)
	return out.Bytes(), err
}

// LeadTo answers with the page of Onward. The browser sends a Strict cookie along, which it does not after a redirection that began at
// another site or in a file.
func LeadTo(w http.ResponseWriter, r *http.Request, address string) {
	WithHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page, err := Onward(address)
		if err != nil {
			http.Error(w, text("problem.template"), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Referrer-Policy", "no-referrer") // the address of this page may have a secret
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})).ServeHTTP(w, r)
}

// Refuse answers a request that reaches no page, with the headers of a page. The reason is a key of texts below "guard.".
func Refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	WithHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, text("guard."+reason), status)
	})).ServeHTTP(w, r)
}

// RefuseOtherOrigins returns a handler that refuses forms that a page of another origin sends.
func RefuseOtherOrigins(inner http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Refuse(w, r, http.StatusForbidden, "otherOrigin")
	}))
	return protection.Handler(inner)
}
