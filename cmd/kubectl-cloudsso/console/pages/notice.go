package pages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// seal returns a text that only this session makes of values. So an address can carry what the console itself has said to the person,
// from one replica to another, and a link of another page cannot say it. The first value is what the seal is for.
func (s *Session) seal(values ...string) string {
	mac := hmac.New(sha256.New, []byte(s.CSRFToken))
	for _, value := range values {
		fmt.Fprintf(mac, "%q ", value)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// hasSealed reports whether a seal is that of the values.
func (s *Session) hasSealed(seal string, values ...string) bool {
	return s.CSRFToken != "" && hmac.Equal([]byte(seal), []byte(s.seal(values...)))
}

const (
	// noticeParameter is the parameter of an address that has a notice.
	noticeParameter = "done"
	// noticeSeal is what the seal of a notice is for.
	noticeSeal = "notice"
	// noticeLife is how long an address shows its notice: longer than an action takes, also between replicas whose clocks differ. A page
	// that is loaded again later says nothing about what was done long ago.
	noticeLife = 5 * time.Minute
)

// finished returns the view of an action that has succeeded: it sends the browser to an address, which shows a notice: a key of texts
// below "done.". So a reload shows the page again, and does not send the form again.
func (r *request) finished(address, notice string) *view {
	at := strconv.FormatInt(r.now.Unix(), 10)
	sealed := strings.Join([]string{notice, at, r.seal(noticeSeal, notice, at)}, ".")
	return redirected(address + "?" + url.Values{noticeParameter: {sealed}}.Encode())
}

// aboutMark is between a notice and the name of the object that it is about.
const aboutMark = "="

// finishedAbout is finished with a notice that names an object.
func (r *request) finishedAbout(address, notice, name string) *view {
	return r.finished(address, notice+aboutMark+name)
}

// notice returns what an action of this session has just said; "" if it has said nothing.
func (r *request) notice() string {
	rest, seal := cutLast(r.URL.Query().Get(noticeParameter))
	notice, at := cutLast(rest)
	if !r.hasSealed(seal, noticeSeal, notice, at) {
		return ""
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || r.now.Sub(time.Unix(seconds, 0)).Abs() > noticeLife {
		return ""
	}
	notice, name, isAbout := strings.Cut(notice, aboutMark)
	if words := texts["done."+notice]; isAbout && words != "" {
		return fmt.Sprintf(words, plugin.Printable(name))
	}
	return texts["done."+notice]
}

// cutLast returns what is before and after the last dot of a text.
func cutLast(text string) (before, after string) {
	at := strings.LastIndexByte(text, '.')
	if at < 0 {
		return "", text
	}
	return text[:at], text[at+1:]
}
