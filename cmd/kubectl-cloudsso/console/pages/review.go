package pages

import (
	"context"
	"encoding/csv"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/access"
)

// reviewPage is the page of who has which role where.
type reviewPage struct {
	Query plugin.GrantQuery
	Rows  chunk[access.Grant]
	// Missing are the rights that the person lacks for this review.
	Missing []string
	// Download is the query of the address of the same review as CSV.
	Download template.URL
}

var (
	// shownPart is a part of a review on a page: about as many rows as other lists have.
	shownPart = plugin.GrantPart{Bindings: 4, Subjects: pageRows, MaxBindings: chunkObjects}
	// writtenPart is a part of a review as CSV: each needs one pass over the users, and about 20 MB.
	writtenPart = plugin.GrantPart{Bindings: 50, Subjects: 10_000, MaxBindings: 10_000, Changes: true}
)

// reviewQuery returns what the review is asked for.
func reviewQuery(r *request) plugin.GrantQuery {
	v := r.URL.Query()
	value := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	return plugin.GrantQuery{Subject: value("q"), Namespace: value("namespace"), InCluster: value("cluster") != "", Assignment: value("assignment")}
}

// review is the page of who has which role where: the first bindings.
func (c *console) review(r *request) (*view, error) {
	p := reviewPage{Query: reviewQuery(r), Download: downloadQuery(r)}
	reader, err := r.grantReader(p.Query, shownPart)
	if err != nil {
		return nil, err
	}
	if p.Missing, err = r.missingForReview(p.Query); err != nil {
		return nil, err
	}
	if len(p.Missing) == 0 {
		if p.Rows, err = readGrants(r, reader); err != nil {
			return nil, err
		}
	}
	return &view{Title: text("review.title"), template: "review", Data: p}, nil
}

// reviewRows is the next part of the review, for the page that has the part before.
func (c *console) reviewRows(r *request) (*view, error) {
	reader, err := r.grantReader(reviewQuery(r), shownPart)
	if err != nil {
		return nil, err
	}
	rows, err := readGrants(r, reader)
	return &view{template: "review", part: "rows", Data: reviewPage{Query: reader.Query, Rows: rows}}, err
}

// downloadQuery returns the query of the review without the part that the page shows.
func downloadQuery(r *request) template.URL {
	values := r.URL.Query()
	for _, name := range []string{tokenParameter, readParameter, foundParameter, untilParameter} {
		values.Del(name)
	}
	return template.URL(values.Encode()) //nolint:gosec // G203: Encode escapes what a page could misread
}

// readGrants reads the part of a review that the request asks for.
func readGrants(r *request, reader plugin.GrantReader) (rows chunk[access.Grant], err error) {
	var token string
	rows.Remaining, rows.Part = -1, oneHit
	token, rows.Progress = beginOf(r.URL.Query(), rows.Part)
	rows.Hits, rows.Next, err = reader.Read(r.Context(), token)
	rows.Progress.Found += int64(len(rows.Hits))
	rows.Progress.Read = rows.Progress.Found // what else was read is not known
	rows.GoesOn = reader.Query.Subject != "" || rows.Progress.Found < rows.Progress.Until
	return rows, err
}

func (r *request) grantReader(query plugin.GrantQuery, part plugin.GrantPart) (plugin.GrantReader, error) {
	d, err := plugin.DirectoryOrEmpty(r.Context(), r.Client, r.namespace())
	return plugin.GrantReader{Client: r.Client, Directory: d, Query: query, Part: part}, err
}

// missingForReview returns the rights that a person lacks for a review: to read the bindings, the rest of it is in the directory.
func (r *request) missingForReview(query plugin.GrantQuery) (missing []string, err error) {
	const group = "rbac.authorization.k8s.io"
	roleBindings := right{Verb: "list", Resource: "rolebindings", Group: group, Namespace: everywhere}
	clusterBindings := right{Verb: "list", Resource: "clusterrolebindings", Group: group, Namespace: everywhere}
	wanted := []right{roleBindings, clusterBindings}
	switch {
	case query.InCluster:
		wanted = []right{clusterBindings}
	case query.Namespace != "":
		roleBindings.Namespace = query.Namespace
		wanted = []right{roleBindings}
	}
	held, err := r.readRights(wanted...)
	for _, w := range wanted {
		if lack := held.Missing(w); lack != "" && err == nil {
			missing = append(missing, lack)
		}
	}
	return missing, err
}

// reviewCSV is the review as a file. Its first part is read before the answer begins, so that an error of it is a page.
func (c *console) reviewCSV(r *request) (*view, error) {
	reader, err := r.grantReader(reviewQuery(r), writtenPart)
	if err != nil {
		return nil, err
	}
	first, next, err := reader.Read(r.Context(), "")
	if err != nil {
		return nil, err
	}
	namespace := r.namespace()
	return &view{stream: func(w http.ResponseWriter, plain *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "access-"+namespace+".csv"))
		if err := writeGrants(plain.Context(), w, c.Now, reader, first, next); err != nil {
			panic(http.ErrAbortHandler) // so that the browser says that the file is not whole
		}
	}}, nil
}

// partTime is how long one part of a file may take.
const partTime = 2 * time.Minute

// writeGrants writes a review as CSV: a part that was read, and those after it.
func writeGrants(ctx context.Context, w http.ResponseWriter, now func() time.Time, reader plugin.GrantReader, part []access.Grant, next string) error {
	deadline := http.NewResponseController(w)
	out := csv.NewWriter(w)
	if err := out.Write(plugin.GrantColumns); err != nil {
		return err
	}
	for {
		for _, g := range part {
			if err := out.Write(plugin.GrantCells(g)); err != nil {
				return err
			}
		}
		if out.Flush(); next == "" || out.Error() != nil {
			return out.Error()
		}
		_ = deadline.SetWriteDeadline(now().Add(partTime)) // a connection without a deadline needs none
		var err error
		if part, next, err = reader.Read(ctx, next); err != nil {
			return err
		}
	}
}
