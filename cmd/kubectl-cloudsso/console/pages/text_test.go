package pages

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// Every text is in text.go, so that one file shows what the console says.
func TestTemplatesHaveNoTextOfTheirOwn(t *testing.T) {
	actions, tags := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`(?s)<[^>]*>`)
	eachTemplate(t, func(name, content string) {
		plain := tags.ReplaceAllString(actions.ReplaceAllString(content, ""), " ")
		if word := regexp.MustCompile(`[A-Za-z]{2,}.*`).FindString(plain); word != "" {
			t.Errorf("%s has the text %q", name, word)
		}
	})
}

// A key without a text would break a page, and a text without a page misleads its reader.
func TestTextsAreThoseThatPagesUse(t *testing.T) {
	used := map[string]bool{}
	key := regexp.MustCompile(`text "([a-zA-Z.]+)"`)
	eachTemplate(t, func(_, content string) {
		for _, match := range key.FindAllStringSubmatch(content, -1) {
			used[match[1]] = true
		}
	})
	for name := range used {
		if _, known := texts[name]; !known {
			t.Errorf("there is no text %s", name)
		}
	}
}

// An inline script or style would be refused by the browser.
func TestTemplatesHaveNoInlineScriptsAndStyles(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|hx-on`)
	eachTemplate(t, func(name, content string) {
		if found := inline.FindString(content); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	})
}

func eachTemplate(t *testing.T, look func(name, content string)) {
	t.Helper()
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	for _, file := range files {
		content, err := fs.ReadFile(templateFiles, file)
		if err != nil {
			t.Fatal(err)
		}
		look(strings.TrimPrefix(file, "templates/"), string(content))
	}
}
