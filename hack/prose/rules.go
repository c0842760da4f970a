package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// rules are what is refused.
type rules struct {
	words []wordRule
	names map[string]string // by the name in lower case: what to write instead
}

// wordRule refuses a word or a phrase.
type wordRule struct {
	word, instead string
	pattern       *regexp.Regexp
}

func readRules(path string) (rules, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return rules{}, err
	}
	r, err := parseRules(string(data))
	if err != nil {
		return rules{}, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

func parseRules(text string) (rules, error) {
	r := rules{names: map[string]string{}}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "["):
			section = line
			continue
		}
		word, instead, ok := strings.Cut(line, "|")
		word, instead = strings.TrimSpace(word), strings.TrimSpace(instead)
		switch {
		case !ok || word == "" || instead == "":
			return rules{}, fmt.Errorf("line %d: want an entry, a bar, and what to write instead", i+1)
		case section == "[words]":
			r.words = append(r.words, wordRule{word, instead, wordPattern(word)})
		case section == "[names]":
			r.names[strings.ToLower(word)] = instead
		default:
			return rules{}, fmt.Errorf("line %d: want [words] or [names] before the first entry", i+1)
		}
	}
	return r, nil
}

// wordPattern matches a phrase as whole words, across line breaks; "..." matches the rest of one sentence.
func wordPattern(phrase string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(phrase)
	pattern = strings.ReplaceAll(pattern, " "+regexp.QuoteMeta("...")+" ", `\s[^.:;?!]*?\b`)
	pattern = strings.ReplaceAll(pattern, " ", `\s+`)
	return regexp.MustCompile(`(?i)\b` + pattern + `\b`)
}
