package pages

import "net/http"

// FreshParameter is the parameter of a sign-in that asks for the password, even if the identity provider knows the browser.
const FreshParameter = "fresh"

// signInNotice is a page for a person who is not signed in, with a link to the sign-in.
type signInNotice struct {
	Message string
	Alert   bool
	// Address is that of the sign-in.
	Address string
}

// SignedOut shows that a session has ended. The next sign-in asks for the password, so that the next person at the machine is not
// signed in as the last one.
func SignedOut(w http.ResponseWriter, r *http.Request) {
	notice := signInNotice{Message: text("signin.goesOn"), Address: "/signin?" + FreshParameter}
	v := &view{Title: text("signin.signedOut"), template: "signin", Data: notice}
	v.write(w, r)
}

// SignInProblem shows why a person is not signed in: a key of texts below "signin.".
func SignInProblem(w http.ResponseWriter, r *http.Request, status int, reason string) {
	notice := signInNotice{Message: text("signin." + reason), Alert: true, Address: "/signin"}
	v := &view{Title: text("signin.title"), template: "signin", status: status, Data: notice}
	v.write(w, r)
}
