package informer

import (
	"context"
	"errors"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	// mostObjects is the size of a page if its objects are light: client-go's own. Each page costs the API server a look at all
	// keys of the list, so small pages of a large directory take several times as long as these.
	mostObjects = 500
	// mostBytes bounds the answer with a page, because a page is decoded before it is trimmed: about 25 of the heaviest users.
	mostBytes = 32 << 20
)

// pages says how many objects to ask for. The zero value begins with mostObjects.
type pages struct{ limit int64 }

// list lists a page of as many objects as an answer of mostBytes has room for. A page that is too large costs what was read of it.
func (p *pages) list(ctx context.Context, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (runtime.Object, error)) (runtime.Object, error) {
	ctx = context.WithValue(ctx, boundedAnswer{}, true)
	if p.limit == 0 {
		p.limit = mostObjects
	}
	for {
		options.Limit = p.limit
		page, err := list(ctx, options)
		var tooLarge *http.MaxBytesError
		switch {
		case err == nil:
			p.limit = min(2*p.limit, mostObjects) // the next objects may be lighter
			return page, nil
		case !errors.As(err, &tooLarge), p.limit == 1:
			return nil, err
		}
		p.limit = max(p.limit/4, 1)
	}
}

// boundedAnswer is the key of a context whose requests have answers of mostBytes at most.
type boundedAnswer struct{}
