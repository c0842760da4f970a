package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// checkGo checks the comments of a Go file and the names that its package declares there.
func (c *checker) checkGo(path string, text []byte) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if ast.IsGenerated(file) {
		return nil
	}
	s := &source{checker: c, path: path, files: files}
	for _, group := range file.Comments {
		s.comment(group)
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			s.function(d.Name.Name, d.Doc)
			if d.Recv == nil {
				s.name(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				s.spec(spec)
			}
		}
	}
	return nil
}

// source is one Go file.
type source struct {
	*checker
	path  string
	files *token.FileSet
}

func (s *source) line(at token.Pos) int { return s.files.Position(at).Line }

func (s *source) report(at token.Pos, format string, args ...any) {
	s.findings = append(s.findings, finding{s.path, s.line(at), fmt.Sprintf(format, args...)})
}

// comment checks the words of a comment. Comments of several // lines are read as one text, so that a phrase is
// found that a line break divides.
func (s *source) comment(group *ast.CommentGroup) {
	var lines []string
	for _, c := range group.List {
		text := strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/")
		for line := range strings.SplitSeq(text, "\n") {
			lines = append(lines, strings.TrimPrefix(line, "//"))
		}
	}
	s.checkWords(s.path, s.line(group.Pos()), strings.Join(lines, "\n"))
}

// testFunction matches the functions that go test runs: their names state behaviour, and a comment on one says
// why, in a sentence of its own.
var testFunction = regexp.MustCompile(`^(Test|Benchmark|Fuzz|Example)([^a-z].*)?$`)

// function checks the form of a function's or method's doc comment. What must have one is the linter's part.
func (s *source) function(name string, doc *ast.CommentGroup) {
	text := doc.Text() // empty for nil, and without directives
	if text == "" || testFunction.MatchString(name) && strings.HasSuffix(s.path, "_test.go") {
		return
	}
	s.functions++
	rest, ok := strings.CutPrefix(text, name)
	words := strings.Fields(rest)
	switch {
	case !ok || len(words) == 0 || !strings.ContainsAny(rest[:1], " \n"):
		s.report(doc.Pos(), "the comment of %s: begin it with %[1]q and a verb", name)
	case words[0] == "is" || words[0] == "are":
		s.nouns = append(s.nouns, finding{
			s.path, s.line(doc.Pos()),
			fmt.Sprintf("%q: write instead: %s and a verb (returns, reports, writes)", name+" "+words[0], name),
		})
	}
}

// spec checks what a type, var or const declaration names, and the methods of an interface.
func (s *source) spec(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			s.name(name)
		}
	case *ast.TypeSpec:
		s.name(spec.Name)
		contract, ok := spec.Type.(*ast.InterfaceType)
		if !ok {
			return
		}
		for _, method := range contract.Methods.List {
			if len(method.Names) == 1 {
				s.function(method.Names[0].Name, method.Doc)
			}
		}
	}
}

// name checks a name that the package declares.
func (s *source) name(name *ast.Ident) {
	if instead, refused := s.rules.names[strings.ToLower(name.Name)]; refused {
		s.report(name.Pos(), "the name %s of this package: write instead: %s", name.Name, instead)
	}
}
