package pages

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// pageRows is how many rows a list shows at a time: about two screens.
	pageRows = 100
	// chunkObjects is how many objects a search reads at a time: kubectl's own, a tenth of a second of an API server.
	chunkObjects = 500
)

// chunk is a part of a list: the hits among the objects that were read, and how to read on.
type chunk[T any] struct {
	Hits []T
	// Next is the API server's token of the part after this one; "" after the last.
	Next string
	// Remaining is how many objects are left, if the API server says so; otherwise -1.
	Remaining int64
	// GoesOn says that the page reads on by itself, because it searches.
	GoesOn bool
}

func (c chunk[T]) next() (token string, remaining int64, goesOn bool) {
	return c.Next, c.Remaining, c.GoesOn
}

// readChunk reads the part of a list that the request asks for. hits returns the hits of the page that was read.
func readChunk[T any](r *request, page client.ObjectList, isPlain bool, hits func() []T, options ...client.ListOption) (chunk[T], error) {
	limit := client.Limit(chunkObjects)
	if isPlain {
		limit = pageRows
	}
	options = append(options, limit, client.Continue(r.URL.Query().Get("continue")))
	if err := r.Client.List(r.Context(), page, options...); err != nil {
		return chunk[T]{}, err
	}
	remaining := int64(-1)
	if left := page.GetRemainingItemCount(); left != nil {
		remaining = *left
	}
	return chunk[T]{Hits: hits(), Next: page.GetContinue(), Remaining: remaining, GoesOn: !isPlain}, nil
}

// within returns what limits a list to the namespace of a request, and to a source unless it is "".
func within(r *request, source v1alpha1.Source) []client.ListOption {
	options := []client.ListOption{client.InNamespace(r.namespace())}
	if source != "" {
		options = append(options, client.MatchingFields{"spec.source": string(source)})
	}
	return options
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
