package pages

import (
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// directoryList is the page that leads to a directory.
type directoryList struct {
	Rows chunk[*v1alpha1.CloudSSODirectory]
	// Missing is the right that the person lacks to see all directories; "" if it sees them.
	Missing string
}

// directories is the page of all directories that the person may see, with a form for the namespace of one.
func (c *console) directories(r *request) (*view, error) {
	if namespace := strings.TrimSpace(r.URL.Query().Get("namespace")); namespace != "" {
		return redirected(directoryAddress(namespace, "")), nil
	}
	list, err := r.readDirectories()
	if apierrors.IsForbidden(err) {
		wanted := rightTo("list", "cloudssodirectories")
		wanted.Namespace = everywhere
		list.Missing, err = wanted.String(), nil
	}
	return &view{Title: text("directories.title"), template: "directories", Data: list}, err
}

// directoryRows is the next part of the list, for the page that has the part before.
func (c *console) directoryRows(r *request) (*view, error) {
	list, err := r.readDirectories()
	return &view{template: "directories", part: "rows", Data: list}, err
}

func (r *request) readDirectories() (list directoryList, err error) {
	var page v1alpha1.CloudSSODirectoryList
	list.Rows, err = readChunk(r, &page, true, func() (hits []*v1alpha1.CloudSSODirectory) {
		for i := range page.Items {
			hits = append(hits, &page.Items[i])
		}
		return hits
	})
	return list, err
}
