package deps

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listedFile finds the names of files in the list of a package comment, which begins each of its lines with a tab.
var listedFile = regexp.MustCompile(`\b[a-z0-9_]+\.go\b`)

// A package comment that lists the files of its package is how a reader finds the right one: it lists each of them but its own,
// and no other.
func TestPackageCommentsListAllFiles(t *testing.T) {
	for folder, list := range fileLists(t) {
		files := []string{}
		for _, file := range sources(t, folder) {
			files = append(files, filepath.Base(file))
			if name := filepath.Base(file); file != list.in && !slices.Contains(list.files, name) {
				t.Errorf("the package comment in %s does not list %s", list.in, name)
			}
		}
		for _, name := range list.files {
			if !slices.Contains(files, name) {
				t.Errorf("the package comment in %s lists %s, which does not exist", list.in, name)
			}
		}
	}
}

// fileList is the list of files in a package comment, and the file that has the comment.
type fileList struct {
	in    string
	files []string
}

// fileLists returns the lists of all package comments that have one, by folder.
func fileLists(t *testing.T) map[string]fileList {
	t.Helper()
	lists := map[string]fileList{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		for _, file := range sources(t, path) {
			if listed := listedIn(t, file); len(listed) > 0 {
				lists[path] = fileList{file, listed}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) == 0 {
		t.Fatal("no package comment lists its files")
	}
	return lists
}

// sources returns the Go files of a folder that are written by hand, without tests.
func sources(t *testing.T, folder string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(file string) bool {
		name := filepath.Base(file)
		return strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "zz_generated")
	})
}

// listedIn returns the files that the package comment of a file lists.
func listedIn(t *testing.T, file string) (listed []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Doc == nil {
		return nil
	}
	for line := range strings.Lines(parsed.Doc.Text()) {
		if strings.HasPrefix(line, "\t") {
			listed = append(listed, listedFile.FindAllString(line, -1)...)
		}
	}
	return listed
}
