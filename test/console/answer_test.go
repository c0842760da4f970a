//go:build console

package console_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/net/html"
)

// answer is what a visitor was answered. Request.URL of the response is the address after all redirections.
type answer struct {
	*http.Response
	body    string
	page    *html.Node
	visitor *visitor
}

// text returns the text of the page, with single spaces, and without scripts and the page's title in the window.
func (a *answer) text() string {
	for _, body := range a.all("body") {
		return textOf(body)
	}
	return textOf(a.page)
}

// heading returns the text of the page's h1; "" if there is none.
func (a *answer) heading() string {
	for _, h := range a.all("h1") {
		return textOf(h)
	}
	return ""
}

// all returns the elements of a kind whose attributes have the values that follow their names: all("a", "class", "skip").
func (a *answer) all(tag string, attributes ...string) (found []*html.Node) {
	return allBelow(a.page, tag, attributes...)
}

func allBelow(root *html.Node, tag string, attributes ...string) (found []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag && hasAttributes(n, attributes) {
			found = append(found, n)
		}
	}
	return found
}

// hasAttributes reports whether attributes have values. pairs are names and values in turn.
func hasAttributes(n *html.Node, pairs []string) bool {
	for i := 0; i+1 < len(pairs); i += 2 {
		if !has(n, pairs[i]) || attribute(n, pairs[i]) != pairs[i+1] {
			return false
		}
	}
	return true
}

// rows returns the texts of the cells of each row of the page's tables.
func (a *answer) rows() (rows [][]string) {
	for _, row := range a.all("tr") {
		var cells []string
		for cell := range row.ChildNodes() {
			if cell.Type == html.ElementNode {
				cells = append(cells, textOf(cell))
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// forms returns the forms that are sent by POST to an address of the console, such as directory("switch").
func (a *answer) forms(action string) (found []*html.Node) {
	for _, form := range a.all("form") {
		target, err := a.Request.URL.Parse(attribute(form, "action"))
		if err == nil && strings.EqualFold(attribute(form, "method"), "post") && target.Path == action {
			found = append(found, form)
		}
	}
	return found
}

// submit fills in the first form of the page that is sent to an address and whose hidden fields have the values that are given
// for them, and sends it. It fails if the page has no such form, or the form no such field.
func (a *answer) submit(ctx context.Context, action string, values url.Values) *answer {
	GinkgoHelper()
	var shown []string
	for _, form := range a.forms(action) {
		fields, hidden := fieldsOf(form)
		if !fits(hidden, values) {
			shown = append(shown, fmt.Sprint(hidden))
			continue
		}
		for name, value := range values {
			Expect(hasField(form, name)).To(BeTrue(), "the form has no field %s", name)
			fields[name] = value
		}
		return a.visitor.send(ctx, http.MethodPost, action, fields)
	}
	Fail(fmt.Sprintf("the page %s has no form that is sent to %s with %v; others have %v", a.Request.URL, action, values, shown))
	return nil
}

func fits(hidden, values url.Values) bool {
	for name := range hidden {
		if wanted, given := values[name]; given && wanted[0] != hidden.Get(name) {
			return false
		}
	}
	return true
}

func hasField(form *html.Node, name string) bool {
	for n := range form.Descendants() {
		if n.Type == html.ElementNode && attribute(n, "name") == name {
			return true
		}
	}
	return false
}

// fieldsOf returns what a browser sends of a form that was not changed, and the hidden fields among it. The buttons are not among
// it.
func fieldsOf(form *html.Node) (all, hidden url.Values) {
	all, hidden = url.Values{}, url.Values{}
	for _, input := range allBelow(form, "input") {
		name, value, kind := attribute(input, "name"), attribute(input, "value"), attribute(input, "type")
		switch isChoice := kind == "checkbox" || kind == "radio"; {
		case name == "" || has(input, "disabled") || isChoice && !has(input, "checked"):
			continue
		case isChoice && !has(input, "value"):
			value = "on"
		case kind == "hidden":
			hidden.Add(name, value)
		}
		all.Add(name, value)
	}
	for _, area := range allBelow(form, "textarea") {
		all.Add(attribute(area, "name"), textOf(area))
	}
	for _, choice := range allBelow(form, "select") {
		all.Add(attribute(choice, "name"), chosen(choice))
	}
	return all, hidden
}

// chosen returns the value of the option that a select element shows at first.
func chosen(choice *html.Node) string {
	options := allBelow(choice, "option")
	for _, option := range options {
		if has(option, "selected") {
			return valueOf(option)
		}
	}
	if len(options) == 0 {
		return ""
	}
	return valueOf(options[0])
}

func valueOf(option *html.Node) string {
	if has(option, "value") {
		return attribute(option, "value")
	}
	return textOf(option)
}

// textOf returns the text of an element with single spaces.
func textOf(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && beginsLine[d.Data] {
			text.WriteByte(' ')
		}
		if d.Type == html.TextNode && d.Parent.Data != "script" && d.Parent.Data != "style" {
			text.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// beginsLine are the elements that a browser shows apart from the text before them.
var beginsLine = map[string]bool{"dt": true, "dd": true, "th": true, "td": true, "li": true, "p": true, "div": true, "h2": true, "br": true}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
