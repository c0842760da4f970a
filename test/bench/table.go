package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printTable writes the figures as a table of text.
func printTable(w io.Writer, figures []figure) {
	lines := [][]string{{"figure", "target", "median", "spread", "met?"}}
	for _, f := range figures {
		lines = append(lines, f.cells())
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, line := range lines {
		for j, cell := range line {
			fmt.Fprint(w, cell, strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w)
		if i > 0 {
			figures[i-1].printRemarks(w)
		}
	}
}

func (f *figure) cells() []string {
	cells := []string{f.Figure, withUnit(f.Target, f.Unit), "–", "–", "–"}
	if f.Measured != nil {
		cells[2] = withUnit(formatNumber(*f.Measured), f.Unit)
		cells[3] = formatNumber(*f.Low) + "–" + formatNumber(*f.High)
	}
	switch {
	case f.Failure != "":
		cells[4] = "FAILED"
	case f.Met != nil && *f.Met:
		cells[4] = "yes"
	case f.Met != nil:
		cells[4] = "NO"
	}
	return cells
}

func (f *figure) printRemarks(w io.Writer) {
	const indent = "    "
	if len(f.Absolute) > 0 {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(f.Absolute)) {
			parts = append(parts, name+" "+formatNumber(f.Absolute[name]))
		}
		fmt.Fprintln(w, indent+strings.Join(parts, "; "))
	}
	for _, note := range f.Notes {
		fmt.Fprintln(w, indent+note)
	}
	if f.Failure != "" {
		fmt.Fprintln(w, indent+"FAILED: "+strings.ReplaceAll(f.Failure, "\n", "\n"+indent))
	}
}

func withUnit(value, unit string) string {
	if value == "" || unit == "" {
		return value
	}
	return value + " " + unit
}

// formatNumber returns a number with three significant digits, or without a fraction.
func formatNumber(v float64) string {
	switch size := math.Abs(v); {
	case size == math.Trunc(size) || size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 0.1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}
