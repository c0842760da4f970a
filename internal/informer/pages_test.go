package informer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// weights answers with as many bytes as the objects from a place on weigh, in a list that asks for pages.
type weights struct {
	t      *testing.T
	bytes  []int // of each object
	server *httptest.Server
	client http.Client
	asked  []int64
}

func serveWeights(t *testing.T, bytes []int) *weights {
	w := &weights{t: t, bytes: bytes, client: http.Client{Transport: Transport(http.DefaultTransport)}}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	return w
}

// ServeHTTP implements http.Handler.
func (w *weights) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.FormValue("from"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	for _, n := range w.bytes[from:min(from+limit, len(w.bytes))] {
		_, _ = answer.Write(bytes.Repeat([]byte{'x'}, n)) // the client may have hung up
	}
}

func (w *weights) list(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	w.asked = append(w.asked, options.Limit)
	from, _ := strconv.Atoi(options.Continue) // 0 for the first page
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/?from="+strconv.Itoa(from)+"&limit="+strconv.FormatInt(options.Limit, 10), nil)
	if err != nil {
		return nil, err
	}
	response, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err != nil {
		if n > mostBytes {
			w.t.Errorf("%d bytes were read", n)
		}
		return nil, err
	}
	next := min(from+int(options.Limit), len(w.bytes))
	list := &corev1.ConfigMapList{Items: make([]corev1.ConfigMap, next-from)}
	if next < len(w.bytes) {
		list.Continue = strconv.Itoa(next)
	}
	return list, nil
}

func TestPagesHaveRoomForTheirObjects(t *testing.T) {
	const light, heavy = 1 << 10, 1 << 20
	for name, test := range map[string]struct {
		bytes    []int
		requests int // at most
	}{
		"none":               {nil, 1},
		"light":              {slices.Repeat([]int{light}, 2000), 4},
		"heavy":              {slices.Repeat([]int{heavy}, 100), 14},
		"heavy in the midst": {slices.Concat(slices.Repeat([]int{light}, 1000), slices.Repeat([]int{heavy}, 60), slices.Repeat([]int{light}, 1000)), 24},
	} {
		t.Run(name, func(t *testing.T) {
			w, seen := serveWeights(t, test.bytes), 0
			var size pages
			for options := (metav1.ListOptions{}); ; {
				page, err := size.list(t.Context(), options, w.list)
				list, isList := page.(*corev1.ConfigMapList)
				if err != nil || !isList {
					t.Fatal(page, err)
				}
				seen += len(list.Items)
				if options.Continue = list.Continue; options.Continue == "" {
					break
				}
			}
			if seen != len(test.bytes) {
				t.Errorf("%d of %d objects", seen, len(test.bytes))
			}
			if len(w.asked) > test.requests {
				t.Errorf("%d requests, for pages of %d", len(w.asked), w.asked)
			}
		})
	}
}

func TestObjectThatIsTooLargeIsAnError(t *testing.T) {
	w := serveWeights(t, []int{mostBytes + 1})
	var size pages
	var tooLarge *http.MaxBytesError
	if _, err := size.list(t.Context(), metav1.ListOptions{}, w.list); !errors.As(err, &tooLarge) {
		t.Error(err)
	}
}

func TestOtherAnswersHaveNoBound(t *testing.T) {
	w := serveWeights(t, []int{mostBytes + 1})
	if _, err := w.list(t.Context(), metav1.ListOptions{Limit: 1}); err != nil {
		t.Error(err)
	}
}
