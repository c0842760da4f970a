package pages

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

var tags = regexp.MustCompile(`(?s)<[^>]*>`)

// Every text is in text.go, so that one file shows what the console says.
func TestTemplatesHaveNoTextOfTheirOwn(t *testing.T) {
	actions := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	eachTemplate(t, func(name, content string) {
		plain := tags.ReplaceAllString(actions.ReplaceAllString(content, ""), " ")
		if word := regexp.MustCompile(`[A-Za-z]{2,}.*`).FindString(plain); word != "" {
			t.Errorf("%s has the text %q", name, word)
		}
	})
}

// What a screen reader says and a pointer shows is a text too.
func TestAttributesHaveNoTextOfTheirOwn(t *testing.T) {
	actions, said := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`\b(?:aria-label|title|placeholder|alt|data-(?:copied|selected|lost|stopped|said|resume|texts|once))="[^"]*[A-Za-z]{2}`)
	eachTemplate(t, func(name, content string) {
		if found := said.FindString(actions.ReplaceAllString(content, "")); found != "" {
			t.Errorf("%s has the text %q", name, found)
		}
	})
}

// Errors that the API server or the packages of the verbs return are shown in their own words.
func TestCodeHasNoTextOfItsOwn(t *testing.T) {
	words := regexp.MustCompile(`[A-Za-z]{2,}[,.:]? [A-Za-z]{2,}`)
	eachNode(t, ".", func(n ast.Node, place string) {
		if l, isLiteral := n.(*ast.BasicLit); isLiteral && words.MatchString(tags.ReplaceAllString(literal(l), " ")) {
			t.Errorf("%s: %s is not in text.go", place, l.Value)
		}
	})
}

// The two ways to the pages answer by this package alone, so that what they say is in text.go too. The probes are no pages.
func TestWaysToThePagesHaveNoTextOfTheirOwn(t *testing.T) {
	for _, folder := range []string{"..", "../signin"} {
		eachNode(t, folder, func(n ast.Node, place string) {
			call, isCall := n.(*ast.CallExpr)
			if !isCall || strings.Contains(place, "serve.go") {
				return
			}
			isAnswer := nameOf(call.Fun) == "Error" && len(call.Args) == 3 // http.Error
			if len(call.Args) > 0 && nameOf(call.Args[0]) == "w" {
				isAnswer = isAnswer || slices.Contains([]string{"Fprint", "Fprintf", "Fprintln", "WriteString", "Copy"}, nameOf(call.Fun))
			}
			if method, is := call.Fun.(*ast.SelectorExpr); is && nameOf(method.X) == "w" {
				isAnswer = isAnswer || slices.Contains([]string{"Write", "WriteString"}, method.Sel.Name)
			}
			if isAnswer {
				t.Errorf("%s answers by itself", place)
			}
		})
	}
}

// A key without a text would break a page, and a text without a page misleads its reader.
func TestTextsAreThoseThatPagesUse(t *testing.T) {
	used := usedKeys(t)
	for key, place := range used {
		if _, known := texts[key]; !known {
			t.Errorf("%s: there is no text %s", place, key)
		}
	}
	for key := range texts {
		if isUsed := used[key] != ""; !isUsed && !strings.HasPrefix(key, "advice.") { // TestAdviceIsForTheReasonsOfTheDocumentation
			t.Errorf("no page has the text %s", key)
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

// composed are the keys that are put together, by the expression that does so, with all values that it can have. A value of the API
// server's that may be absent has "" among them.
var composed = map[string][]string{
	`printf "approvals.decided%s" .Decision`:                     keys("approvals.decided%s", decisions),
	`printf "condition.%s" .Status`:                              keys("condition.%s", []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown}),
	`printf "connection.%s" .Data.Connection`:                    keys("connection.%s", connections),
	`printf "decide.do%s" .Data.Decision`:                        keys("decide.do%s", decisions),
	`printf "decide.effect%s%s" $d.Decision .Spec.Withheld.What`: append(keys("decide.effectApply%s", withheldActions), keys("decide.effectDiscard%s", withheldActions)...),
	`printf "decide.effectAll%s" .Data.Decision`:                 keys("decide.effectAll%s", decisions),
	`printf "directory.%s" .`:                                    keys("directory.%s", switchPositions()),
	`printf "directory.state.%s" .State`:                         keys("directory.state.%s", []v1alpha1.UserState{v1alpha1.UserDisabled, v1alpha1.UserSuspended, v1alpha1.UserConflict}),
	`printf "log.since.%s" .Key`:                                 keys("log.since.%s", periodKeys()),
	`printf "withheld.%s" .What`:                                 keys("withheld.%s", withheldActions),

	"condition.%s":             keys("condition.%s", []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown}),
	"conditionName.%s":         keys("conditionName.%s", shownConditions),
	"decide.title%s":           keys("decide.title%s", decisions),
	"decide.title%sAll":        keys("decide.title%sAll", decisions),
	"nav.%s":                   keys("nav.%s", []string{"", "users", "groups", "access", "approvals", "log", "settings"}),
	"principal.%s":             keys("principal.%s", []string{"user", "group"}),
	"principal.%sByExternalID": keys("principal.%sByExternalID", []string{"user", "group"}),
	"rotation.%s":              keys("rotation.%s", []rotationStep{stepRefused, stepUnused, stepBoth, stepQuiet, stepMoved, stepAlone, stepDone}),
	"switch.title%s":           keys("switch.title%s", positions),
	"withheld.%s":              keys("withheld.%s", withheldActions),
	"without.%s":               keys("without.%s", []string{v1alpha1.ReasonDeprovisioned, v1alpha1.ReasonUserNameConflict, v1alpha1.ReasonDisabled, v1alpha1.ReasonSuspended}),
	// See also finished.
	"done.%s": append(keys("done.%s", decisions), "done.disabled.true", "done.disabled.false", "done.turnedEnabled", "done.turnedDisabled", "done.break", "done.suspended", "done.lifted", "done.deleted"),
	// Packages console and signin have the reasons.
	"guard.%s": keys("guard.%s", []string{"noLogin", "noSession", "otherOrigin", "usedTwice", "wrongHost", "wrongLogin"}),
	// Package signin has the reasons.
	"signin.%s": keys("signin.%s", []string{"apiServer", "ended", "refused", "state", "strangeForm", "token", "tooLarge", "tooMany", "unknown", "unreachable"}),
	"advice.%s": nil,
	"%s%s":      nil, // see choiceOf
}

var (
	withheldActions = []v1alpha1.Deactivation{v1alpha1.DeactivationDisable, v1alpha1.DeactivationDelete}
	positions       = []v1alpha1.Synchronization{v1alpha1.SynchronizationEnabled, v1alpha1.SynchronizationDisabled}
	connections     = []plugin.Connection{plugin.ConnectionWorking, plugin.ConnectionOff, plugin.ConnectionRefused, plugin.ConnectionNeverUsed, plugin.ConnectionSilent}
	shownConditions = []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionActivated, v1alpha1.ConditionResyncNeeded, v1alpha1.ConditionPoliciesInstalled,
		v1alpha1.ConditionNamespaceSelected, v1alpha1.ConditionDeactivationsWithheld, v1alpha1.ConditionEffective, v1alpha1.ConditionManualMembers,
		v1alpha1.ConditionIneffectiveMembers, v1alpha1.ConditionDeletionHeld, v1alpha1.ConditionUsersSkipped, v1alpha1.ConditionManySubjects,
	}
)

// keys returns a key for each value.
func keys[T ~string](format string, values []T) (all []string) {
	for _, value := range values {
		all = append(all, fmt.Sprintf(format, value))
	}
	return all
}

// switchPositions returns what switchOf returns, also for a directory without a spec.
func switchPositions() (shown []v1alpha1.Synchronization) {
	for _, position := range append(positions, "") {
		d := &v1alpha1.CloudSSODirectory{}
		d.Spec.SCIMSynchronization = position
		shown = append(shown, switchOf(d))
	}
	return shown
}

func periodKeys() (all []string) {
	for _, p := range periods {
		all = append(all, p.Key)
	}
	return all
}

// usedKeys returns the keys in templates and code, with a place of each.
func usedKeys(t *testing.T) map[string]string {
	t.Helper()
	used := map[string]string{}
	action, quoted := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`"([^"]*)"`)
	named, printed := regexp.MustCompile(`\btext "([^"]*)"`), regexp.MustCompile(`\btext \((printf [^)]*)\)`)
	eachTemplate(t, func(name, content string) {
		for _, action := range action.FindAllString(content, -1) {
			for _, match := range quoted.FindAllStringSubmatch(action, -1) {
				addKnown(used, match[1], name)
			}
			for _, match := range named.FindAllStringSubmatch(action, -1) {
				used[match[1]] = name
			}
			for _, match := range printed.FindAllStringSubmatch(action, -1) {
				addComposed(t, used, match[1], name)
			}
		}
	})
	eachNode(t, ".", func(n ast.Node, place string) {
		switch n := n.(type) {
		case *ast.BasicLit:
			if key := literal(n); isKey(key) {
				used[key] = place
			}
		case *ast.IndexExpr:
			if nameOf(n.X) == "texts" {
				addKey(t, used, n.Index, place)
			}
		case *ast.CallExpr:
			addCall(t, used, n, place)
		}
	})
	return used
}

// addCall adds the keys that the arguments of a call name.
func addCall(t *testing.T, used map[string]string, call *ast.CallExpr, place string) {
	t.Helper()
	switch nameOf(call.Fun) {
	case "text":
		addKey(t, used, call.Args[0], place)
	case "choiceOf":
		for _, value := range call.Args[1:] {
			used[literal(call.Args[0])+literal(value)] = place
		}
	case "finished", "finishedAbout":
		if notice := literal(call.Args[1]); notice != "" {
			used["done."+notice] = place
		}
	}
}

// addKey adds the key of an expression that is one, or is put together. A variable has a literal elsewhere, see isKey.
func addKey(t *testing.T, used map[string]string, key ast.Expr, place string) {
	t.Helper()
	switch key.(type) {
	case *ast.BasicLit:
		used[literal(key)] = place
	case *ast.BinaryExpr:
		addComposed(t, used, patternOf(key), place)
	}
}

// keyForm is the form of a key: the name of a page, and the rest. An address such as review.csv has it too.
var keyForm = regexp.MustCompile(`^([a-zA-Z]+)\.[a-zA-Z.]*[a-zA-Z]$`)

// isKey reports whether a literal of the code is a key, or looks like one and lacks its text.
func isKey(literal string) bool {
	match := keyForm.FindStringSubmatch(literal)
	if match == nil || strings.HasSuffix(literal, ".csv") {
		return texts[literal] != ""
	}
	_, beginsSum := composed[literal+"%s"]
	return !beginsSum && slices.ContainsFunc(slices.Collect(maps.Keys(texts)), func(key string) bool { return strings.HasPrefix(key, match[1]+".") })
}

// addKnown adds a literal if it is the key of a text.
func addKnown(used map[string]string, key, place string) {
	if _, known := texts[key]; known {
		used[key] = place
	}
}

func addComposed(t *testing.T, used map[string]string, expression, place string) {
	t.Helper()
	all, known := composed[expression]
	if !known {
		t.Errorf("%s: composed lacks the values of %s", place, expression)
	}
	for _, key := range all {
		used[key] = place
	}
}

// patternOf returns a sum with %s in place of what is no literal.
func patternOf(e ast.Expr) string {
	if sum, isSum := e.(*ast.BinaryExpr); isSum {
		return patternOf(sum.X) + patternOf(sum.Y)
	}
	return cmp.Or(literal(e), "%s")
}

// literal returns the value of a literal text; "" if an expression is none.
func literal(e ast.Expr) string {
	if l, isLiteral := e.(*ast.BasicLit); isLiteral && l.Kind == token.STRING {
		value, _ := strconv.Unquote(l.Value) // the parser has accepted it
		return value
	}
	return ""
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// eachNode looks at the code of the package in a folder but for text.go and its tests.
func eachNode(t *testing.T, folder string, look func(n ast.Node, place string)) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	positions := token.NewFileSet()
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "text.go" {
			continue
		}
		parsed, err := parser.ParseFile(positions, filepath.Join(folder, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if n != nil {
				look(n, positions.Position(n.Pos()).String())
			}
			return true
		})
	}
}
