package pages

import (
	"cmp"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// signInNotice is a page for a person who is not signed in, with a link to the sign-in.
type signInNotice struct {
	Message string
	// Words are the API server's own; "" without them.
	Words string
	Alert bool
	// Address is that of the sign-in.
	Address string
}

// SignedOut shows that a session has ended.
func SignedOut(w http.ResponseWriter, r *http.Request) {
	notice := signInNotice{Message: text("signin.goesOn"), Address: "/signin"}
	v := &view{Title: text("signin.signedOut"), template: "signin", Data: notice}
	v.write(w, r)
}

// SignInProblem shows why a person is not signed in: a key of texts below "signin.", with the values of its text. again is the address
// of the next sign-in.
func SignInProblem(w http.ResponseWriter, r *http.Request, status int, again, reason string, values ...any) {
	notice := signInNotice{Message: text("signin."+reason, values...), Alert: true, Address: again}
	v := &view{Title: text("signin.title"), template: "signin", status: status, Data: notice}
	v.write(w, r)
}

// SignInRefused shows a person that the API server has not told who they are, with the status and the words that it has answered.
// again is the address of the next sign-in.
func SignInRefused(w http.ResponseWriter, r *http.Request, again string, answered apierrors.APIStatus) {
	status := answered.Status()
	notice := signInNotice{Message: text("signin.apiServerRefuses"), Words: status.Message, Alert: true, Address: again}
	v := &view{Title: text("signin.title"), template: "signin", status: cmp.Or(int(status.Code), http.StatusBadGateway), Data: notice}
	v.write(w, r)
}

// SessionEnded shows in a part of a page that its session has ended. The rest of the page stays: it may have a token that is not
// copied yet.
func SessionEnded(w http.ResponseWriter, r *http.Request, address string) {
	notice := signInNotice{Message: text("signin.endedHere"), Address: address}
	v := &view{template: "signin", part: "ended", status: http.StatusUnauthorized, Data: notice}
	v.write(w, r)
}
