package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// fieldName matches a field in the first cell of a row.
var fieldName = regexp.MustCompile("`([^`]+)`")

// rewrite returns a page with the columns type and bound of its tables of fields as the schema has them. Such a table stands under
// "## Spec" or "## Status", and its first column is "field". A row may name several fields that have the same type and bound.
func rewrite(page string, fields map[string]field) (string, error) {
	missing := map[string]bool{}
	for path, f := range fields {
		missing[path] = !f.isObject
	}
	lines := strings.Split(page, "\n")
	part, columns := "", []string(nil)
	for i, line := range lines {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			part = strings.ToLower(heading) + "."
		}
		if !strings.HasPrefix(line, "|") {
			columns = nil
			continue
		}
		cells := cellsOf(line)
		switch {
		case columns == nil:
			columns = cells
		case columns[0] != "field" || strings.HasPrefix(cells[0], "-"):
		default:
			paths := pathsOf(part, cells[0])
			if err := fill(cells, columns, paths, fields); err != nil {
				return "", fmt.Errorf("line %d: %w", i+1, err)
			}
			for _, path := range paths {
				missing[path] = false
			}
			lines[i] = rowOf(cells)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(missing)) {
		if missing[path] {
			return "", fmt.Errorf("%s has no row; say there what it means", path)
		}
	}
	return strings.Join(lines, "\n"), nil
}

// rowOf returns the row of a table that has the cells.
func rowOf(cells []string) string {
	row := "|"
	for _, cell := range cells {
		if cell != "" {
			row += " " + cell
		}
		row += " |"
	}
	return row
}

// cellsOf returns the cells of a row of a table, without the spaces around them. A cell may have "\|" in it.
func cellsOf(row string) (cells []string) {
	const escaped = "\x00"
	row = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|"), `\|`, escaped)
	for cell := range strings.SplitSeq(row, "|") {
		cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), escaped, `\|`))
	}
	return cells
}

// pathsOf returns the paths of the fields that a row names.
func pathsOf(part, cell string) (paths []string) {
	for _, match := range fieldName.FindAllStringSubmatch(cell, -1) {
		paths = append(paths, part+match[1])
	}
	return paths
}

// fill sets the cells of a row that the schema decides, which are the same for all fields that the row names.
func fill(cells, columns, paths []string, fields map[string]field) error {
	if len(paths) == 0 {
		return errors.New("the row names no field")
	}
	for _, path := range paths {
		f, ok := fields[path]
		if !ok {
			return fmt.Errorf("the schema has no field %s", path)
		}
		for column, value := range map[string]string{"type": f.kind, "bound": f.bound} {
			i := slices.Index(columns, column)
			if i < 0 {
				continue
			}
			if i >= len(cells) {
				return fmt.Errorf("the row of %s has no column %s", path, column)
			}
			if path != paths[0] && cells[i] != value {
				return fmt.Errorf("the %s of %s is %q and that of %s is %q; give each a row", column, paths[0], cells[i], path, value)
			}
			cells[i] = value
		}
	}
	return nil
}
