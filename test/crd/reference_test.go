package crd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// example is a fenced yaml block of a reference page.
type example struct {
	line    int
	refused string // the API server's answer to its last object; empty for a good example
	yaml    string
}

// exampleBlock matches a fenced yaml block and the line above it that says that it is refused.
var exampleBlock = regexp.MustCompile("(?m)(?:^<!-- refused: (.+) -->\n)?^```yaml\n((?:.*\n)*?)```$")

// examples returns the examples of a page.
func examples(page string) []example {
	var found []example
	for _, match := range exampleBlock.FindAllStringSubmatchIndex(page, -1) {
		found = append(found, example{
			line:    1 + strings.Count(page[:match[0]], "\n"),
			refused: group(page, match, 1),
			yaml:    group(page, match, 2),
		})
	}
	return found
}

// group returns the text of the n-th group of a match, or an empty one.
func group(text string, match []int, n int) string {
	if match[2*n] < 0 {
		return ""
	}
	return text[match[2*n]:match[2*n+1]]
}

// referencePages returns the text of each page by its kind in lower case.
func referencePages() map[string]string {
	paths, err := filepath.Glob(referenceFolder + "/*.md")
	if err != nil {
		panic(err)
	}
	pages := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		pages[strings.TrimSuffix(filepath.Base(path), ".md")] = string(content)
	}
	return pages
}

var _ = Describe("The reference", func() {
	for kind, page := range referencePages() {
		for _, example := range examples(page) {
			name := fmt.Sprintf("%s.md:%d", kind, example.line)
			if example.refused == "" {
				It("has a good example at "+name, func(ctx SpecContext) { accepts(ctx, example) })
			} else {
				It("has a bad example, refused with its message, at "+name, func(ctx SpecContext) { refuses(ctx, example) })
			}
		}
	}

	It("marks every bad example as this suite expects it", func() {
		for kind, page := range referencePages() {
			marked := 0
			for _, example := range examples(page) {
				if example.refused != "" {
					marked++
				}
			}
			Expect(strings.Count(page, "<!-- refused:")).To(Equal(marked), kind)
			Expect(marked).NotTo(BeZero(), kind)
		}
	})
})

// wordOfCondition matches a constant of a condition's type or reason in the sources of the API.
var wordOfCondition = regexp.MustCompile(`(?m)^(?:const|\t)\s*((?:Condition|Reason)\w+) = "(\w+)"$`)

var _ = Describe("The conditions in the reference", func() {
	for _, kind := range kindsWithStatus {
		It("are those of the code: "+kind, func() {
			page := referencePages()[strings.ToLower(kind)]
			source, err := os.ReadFile(filepath.Join(apiFolder, strings.ToLower(kind)+"_types.go"))
			Expect(err).NotTo(HaveOccurred())
			words := wordOfCondition.FindAllStringSubmatch(string(source), -1)
			Expect(words).NotTo(BeEmpty())
			for _, word := range words {
				Expect(page).To(MatchRegexp(`(?m)^\| .*\x60`+word[2]+`\x60.* \|$`), word[1])
			}
		})
	}
})

func accepts(ctx SpecContext, good example) {
	GinkgoHelper()
	namespace := newNamespace(ctx)
	for _, object := range manifests([]byte(good.yaml)) {
		Expect(apply(ctx, namespace, object)).To(Succeed())
	}
}

// refuses applies all objects of the example but the last, which must be refused as the page says.
func refuses(ctx SpecContext, bad example) {
	GinkgoHelper()
	namespace := newNamespace(ctx)
	objects := manifests([]byte(bad.yaml))
	last := len(objects) - 1
	for _, object := range objects[:last] {
		Expect(apply(ctx, namespace, object)).To(Succeed())
	}
	Expect(apply(ctx, namespace, objects[last])).To(MatchError(ContainSubstring(bad.refused)))
}
