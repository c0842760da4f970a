package pages

import (
	"context"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

const (
	// pageRows is how many rows a list shows at a time: about two screens.
	pageRows = 100
	// oneHit is how many hits a part has at least of a list whose parts are of one size, or have no size.
	oneHit = 1
	// chunkObjects is how many objects a search reads at a time: kubectl's own, less than a tenth of a second.
	chunkObjects = 500
	// partObjects is after how many objects a part of a search is shown: hits and progress come about twice a second.
	partObjects = 2500
)

// progress is how far a list was read.
type progress struct {
	Read  int64 // objects
	Found int64 // hits among them
	Until int64 // the page reads on by itself until it has found so many
}

// The parameters of an address that say where a part of a list begins.
const (
	tokenParameter = "continue"
	readParameter  = "read"
	foundParameter = "found"
	untilParameter = "until"
)

// exactParameter asks for what a text names in the ways that take longer. Its value is the metadata.name that the page shows already.
// A page of a search without it and without wholeParameter has what is found within milliseconds, and asks for the rest by itself.
const exactParameter = "exact"

// beginOf returns where the part of an address begins: the API server's token, and what was read before. Both are empty for the
// first part. A page shows at least as many hits as the address says, and at least those of one part.
func beginOf(query url.Values, part int64) (token string, p progress) {
	if token = query.Get(tokenParameter); token == "" {
		return "", progress{Until: max(countOf(query, untilParameter), part)}
	}
	p.Read, p.Found = countOf(query, readParameter), countOf(query, foundParameter)
	p.Until = max(countOf(query, untilParameter), p.Found+1)
	return token, p
}

// countOf returns a number of an address, 0 if it has none.
func countOf(query url.Values, name string) int64 {
	count, _ := strconv.ParseInt(query.Get(name), 10, 64) // 0 for a text
	return max(count, 0)
}

func (p progress) writeTo(query url.Values) {
	for name, count := range map[string]int64{readParameter: p.Read, foundParameter: p.Found, untilParameter: p.Until} {
		query.Set(name, strconv.FormatInt(count, 10))
	}
}

// chunk is a part of a list: the hits among the objects that were read, and how to read on.
type chunk[T any] struct {
	Hits []T
	// Next is the API server's token of the part after this one; "" after the last.
	Next string
	// Remaining is how many objects are left, if the API server says so; otherwise -1.
	Remaining int64
	// GoesOn says that the page reads on by itself, because it searches, or because its address asks for more than one part.
	GoesOn bool
	// Part is how many hits a part has at least, unless the list ends.
	Part int64
	// Searches says that not each object is a hit.
	Searches bool
	// Progress is how far the list was read, with this part; zero if it is not counted.
	Progress progress
	// Notice says that the list is not the one that the parts before are of; "" if it is.
	Notice string
	// IsUnread says that the page has no part of the list yet.
	IsUnread bool
}

// headStart is how long a page waits with the first part of a list that it reads by itself, so that the objects that its text names
// come sooner: the parts would share the API server's processors.
const headStart = 200 * time.Millisecond

// unread returns the list of a page that reads its first part by itself.
func unread[T any]() chunk[T] {
	return chunk[T]{IsUnread: true, Remaining: -1, GoesOn: true, Searches: true}
}

// readChunk reads the part of a list that the request asks for. hits returns the hits of the page that was read.
func readChunk[T any](r *request, page client.ObjectList, isPlain bool, hits func() []T, options ...client.ListOption) (chunk[T], error) {
	c := chunk[T]{Searches: !isPlain, Part: pageRows}
	c.Next, c.Progress = beginOf(r.URL.Query(), c.Part)
	begin, limit := c.Progress.Read, int64(pageRows)
	for isDone := false; !isDone; {
		if err := c.list(r, page, append(slices.Clone(options), client.Limit(limit))); err != nil {
			return chunk[T]{}, err
		}
		begin = min(begin, c.Progress.Read)
		found := hits()
		c.add(page, found)
		limit = nextLimit(meta.LenList(page), len(found))
		isDone = !c.GoesOn || c.Progress.Read-begin >= mostObjects(begin)
	}
	return c, nil
}

// mostObjects returns how many objects a part reads if it finds little. The first part is short, so that its hits come at once.
func mostObjects(begin int64) int64 {
	if begin == 0 {
		return chunkObjects
	}
	return partObjects
}

// nextLimit returns how many objects to read next, so that a text which most objects have does not fill the page with hits.
func nextLimit(read, found int) int64 {
	if found*chunkObjects > read*pageRows {
		return pageRows
	}
	return chunkObjects
}

// list reads the next objects. If the token has expired, it goes on at the same place of the list as it is now, or else begins again.
func (c *chunk[T]) list(r *request, page client.ObjectList, options []client.ListOption) error {
	err := list(r, page, c.Next, options)
	if c.Next == "" || !apierrors.IsResourceExpired(err) {
		return err
	}
	c.Next = plugin.FreshToken(err)
	if c.Notice = renewedNotice(c.Next); c.Next == "" {
		c.Progress = progress{Until: pageRows}
	}
	return list(r, page, c.Next, options)
}

// renewedNotice returns what a list says that goes on at a fresh token, or begins again if that is "".
func renewedNotice(fresh string) string {
	if fresh == "" {
		return text("list.again")
	}
	return text("list.changed")
}

// list reads the objects at a token, and leaves nothing of what the page had before.
func list(r *request, page client.ObjectList, token string, options []client.ListOption) error {
	if err := meta.SetList(page, nil); err != nil {
		return err
	}
	page.SetContinue("")
	page.SetRemainingItemCount(nil)
	return r.Client.List(r.Context(), page, append(slices.Clone(options), client.Continue(token))...)
}

// add adds the objects of a page and the hits among them.
func (c *chunk[T]) add(page client.ObjectList, hits []T) {
	c.Hits = append(c.Hits, hits...)
	c.Next = page.GetContinue()
	c.Progress.Read += int64(meta.LenList(page))
	c.Progress.Found += int64(len(hits))
	c.GoesOn = c.Next != "" && c.Progress.Found < c.Progress.Until
	c.Remaining = -1
	if left := page.GetRemainingItemCount(); left != nil {
		c.Remaining = *left
	}
}

// restOfList is what a list shows below its last row.
type restOfList struct {
	progress
	Address   string
	Query     template.URL // of the next part; "" after the last
	Whole     template.URL // of the page that shows the list from its beginning to the end of the next part
	Remaining int64        // -1 if it is not known
	GoesOn    bool
	Searches  bool
	Notice    string
	Doing     string        // what goes on; "" if the list is read
	Delay     time.Duration // before the page reads on by itself
}

// Total returns about how many objects the list has; 0 if it is not known.
func (r restOfList) Total() int64 {
	if r.Read == 0 || r.Remaining < 0 {
		return 0
	}
	return r.Read + r.Remaining
}

// nextPart is implemented by every chunk.
type nextPart interface {
	// rest returns the rest of the list without its address, and what the next part is.
	rest() (restOfList, partAfter)
}

// partAfter is the next part of a list: the parameter of its address with its value, and how many hits it has at least. There is
// none if parameter is "".
type partAfter struct {
	parameter, value string
	hits             int64
}

func (c chunk[T]) rest() (restOfList, partAfter) {
	rest := restOfList{progress: c.Progress, Remaining: c.Remaining, GoesOn: c.GoesOn, Searches: c.Searches, Notice: c.Notice}
	switch {
	case c.IsUnread:
		rest.Delay = headStart
		return rest, partAfter{parameter: wholeParameter, value: "1"}
	case c.Next != "":
		return rest, partAfter{tokenParameter, c.Next, c.Part}
	}
	rest.GoesOn = false
	return rest, partAfter{}
}

// restOf returns the rest of a list at an address. pairs are the names and values of its query in turn.
func restOf(c nextPart, address string, pairs ...any) restOfList {
	rest, next := c.rest()
	rest.Address = address
	if next.parameter == "" {
		return rest
	}
	values := queryOf(pairs)
	if rest.Read > 0 {
		if !rest.GoesOn { // until the person asks for more
			rest.Until = rest.Found + next.hits
		}
		values.Set(untilParameter, strconv.FormatInt(rest.Until, 10))
	}
	rest.Whole = template.URL(values.Encode()) //nolint:gosec // G203: Encode escapes what a page could misread
	values.Set(next.parameter, next.value)
	if rest.Read > 0 {
		rest.writeTo(values)
	}
	rest.Query = template.URL(values.Encode()) //nolint:gosec // G203: as above
	return rest
}

// queryOf returns the query of names and values in turn, without empty values.
func queryOf(pairs []any) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if value := fmt.Sprint(pairs[i+1]); value != "" {
			values.Set(fmt.Sprint(pairs[i]), value)
		}
	}
	return values
}

// failedPart is what a list shows in place of a part that could not be read.
type failedPart struct {
	Address string
	Query   template.URL // of the same part
	problem
}

// rowsPath ends the address of the parts of a list, below that of its page.
const rowsPath = "/rows"

// failedRows returns the view of a part of a list that could not be read. Its person can try again.
func failedRows(r *request, err error) *view {
	v := problemView(err)
	shown, _ := v.Data.(problem)
	address := strings.TrimSuffix(r.URL.EscapedPath(), rowsPath)
	return &view{template: "problem", part: "failed", status: v.status, Data: failedPart{address, template.URL(r.URL.Query().Encode()), shown}} //nolint:gosec // G203: Encode escapes what a page could misread
}

// listOptions returns what limits a list to the namespace of a request, and to a source unless it is "".
func listOptions(r *request, source v1alpha1.Source) []client.ListOption {
	options := []client.ListOption{client.InNamespace(r.namespace())}
	if source != "" {
		options = append(options, client.MatchingFields{"spec.source": string(source)})
	}
	return options
}

// searchOptions returns what the API server selects of a list. A search selects by itself, because the API server does not say how
// much is left of a selected list.
func searchOptions(r *request, isPlain bool, source v1alpha1.Source) []client.ListOption {
	if !isPlain {
		return listOptions(r, "")
	}
	return listOptions(r, source)
}

// way reads the objects that a text names in one way, such as by their displayName.
type way[T client.Object] func(context.Context) ([]T, error)

// exactSearch looks for the objects that a text names.
type exactSearch[T client.Object] struct {
	// isWanted reports whether an object is a hit if the text names it.
	isWanted func(T) bool
	// byName reads live what holds the text as its name, or is called so.
	byName way[T]
	// bySelector are the other ways. For each, the API server looks at every object of the namespace.
	bySelector []way[T]
	// looking says that the other ways are under way.
	looking string
}

// exactHits are the objects that a text names.
type exactHits[T client.Object] struct {
	Hits []T
	// Shown is the metadata.name of the hit that is known first; "" if there is none.
	Shown string
	// Doing says that some ways have not answered; "" if all have.
	Doing string
}

func (h *exactHits[T]) rest() (restOfList, partAfter) {
	if h.Doing == "" {
		return restOfList{}, partAfter{}
	}
	return restOfList{Remaining: -1, GoesOn: true, Doing: h.Doing}, partAfter{parameter: exactParameter, value: h.Shown}
}

// answerSearch returns what a page of a search has: the objects that its text names, and a part of its list. Of a new search it
// returns what is known within milliseconds, and the page asks for the rest.
func answerSearch[T client.Object](r *request, named string, s exactSearch[T], readList func() (chunk[T], error)) (exact *exactHits[T], rows chunk[T], err error) {
	query := r.URL.Query()
	switch {
	case named == "" || query.Has(tokenParameter): // the first part has had the objects that the text names
		rows, err = readList()
		return nil, rows, err
	case !query.Has(exactParameter) && !query.Has(wholeParameter) && !query.Has(untilParameter): // a new search, and no reload of one
		exact, err = s.first(r)
		return exact, unread[T](), err
	}
	var readers errgroup.Group
	readers.Go(func() (err error) {
		exact, err = s.whole(r)
		return err
	})
	readers.Go(func() (err error) {
		rows, err = readList()
		return err
	})
	err = readers.Wait()
	return exact, rows, err
}

// first returns what the text names, as far as that is known within milliseconds.
func (s exactSearch[T]) first(r *request) (*exactHits[T], error) {
	hits, err := s.read(r, s.byName)
	found := &exactHits[T]{Hits: hits, Doing: s.looking}
	if len(hits) > 0 {
		found.Shown = hits[0].GetName()
	}
	return found, err
}

// later returns what first has left out, for the page that has the answer of first.
func (s exactSearch[T]) later(r *request) (*exactHits[T], error) {
	shown := r.URL.Query().Get(exactParameter)
	hits, err := s.read(r, s.bySelector...)
	hits = slices.DeleteFunc(hits, func(o T) bool { return o.GetName() == shown })
	return &exactHits[T]{Hits: hits, Shown: shown}, err
}

// whole returns what the text names in all ways.
func (s exactSearch[T]) whole(r *request) (*exactHits[T], error) {
	hits, err := s.read(r, append([]way[T]{s.byName}, s.bySelector...)...)
	return &exactHits[T]{Hits: hits}, err
}

// read returns the wanted objects that the text names in some ways. All ways are asked for at a time.
func (s exactSearch[T]) read(r *request, ways ...way[T]) ([]T, error) {
	found := make([][]T, len(ways))
	readers, ctx := errgroup.WithContext(r.Context())
	for i, read := range ways {
		readers.Go(func() (err error) {
			found[i], err = read(ctx)
			return err
		})
	}
	err := readers.Wait()
	matches := slices.DeleteFunc(slices.Concat(found...), func(o T) bool { return !s.isWanted(o) })
	return uniqueByName(matches), err
}

// uniqueByName returns the objects without repetitions, in their order.
func uniqueByName[T client.Object](objects []T) (unique []T) {
	seen := map[string]bool{}
	for _, o := range objects {
		if !seen[o.GetName()] {
			unique = append(unique, o)
		}
		seen[o.GetName()] = true
	}
	return unique
}
