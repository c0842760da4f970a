package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

const (
	// parallelCreates is how many objects are created at a time: more would not make a single API server faster.
	parallelCreates = 16
	// maxFailures is after how many failed objects the command gives up: the reason is the same for all, such as a right.
	maxFailures = 20
)

// imports creates the objects of a file.
type imports struct {
	*plugin.Plugin
	c         client.Client
	namespace string
	manifests *reader
	progress  *plugin.Progress
	directory *v1alpha1.CloudSSODirectory // as it is in the cluster

	created, same atomic.Int64
	mu            sync.Mutex
	failing       int
}

// refuseOther refuses a namespace whose directory is in use: the objects of the file would mix with others. One that awaits its
// activation may be that of an interrupted import.
func (i *imports) refuseOther(ctx context.Context) error {
	d := &v1alpha1.CloudSSODirectory{}
	err := i.c.Get(ctx, client.ObjectKey{Namespace: i.namespace, Name: v1alpha1.DirectoryName}, d)
	if err != nil || policy.IsRestored(d) && !policy.IsActivated(d) {
		return client.IgnoreNotFound(err)
	}
	return fmt.Errorf("namespace %s has a CloudSSODirectory that is in use. To restore it, first run: kubectl cloudsso sync disable -n %[1]s && kubectl -n %[1]s delete cloudssodirectory %s",
		i.namespace, v1alpha1.DirectoryName)
}

func (i *imports) createDirectory(ctx context.Context, d *v1alpha1.CloudSSODirectory) error {
	i.directory = d
	err := i.c.Create(ctx, d, client.FieldOwner(plugin.FieldManager))
	switch {
	case err == nil:
		i.created.Add(1)
	case apierrors.IsAlreadyExists(err): // of the import that was interrupted
		i.same.Add(1)
		return i.c.Get(ctx, client.ObjectKeyFromObject(d), d)
	default:
		return fmt.Errorf("creating the CloudSSODirectory: %w", err)
	}
	return nil
}

// createAll creates all other objects. Its error is that of the file or of the context; failed objects are counted.
func (i *imports) createAll(ctx context.Context) (err error) {
	creates, ctx := errgroup.WithContext(ctx)
	creates.SetLimit(parallelCreates)
	for ctx.Err() == nil && i.failures() < maxFailures {
		o, readErr := i.manifests.object()
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			err = readErr
			break
		}
		o.SetNamespace(i.namespace)
		creates.Go(func() error {
			i.create(ctx, o)
			return ctx.Err()
		})
	}
	return errors.Join(err, creates.Wait())
}

// create creates one object, unless it is there as it is in the file.
func (i *imports) create(ctx context.Context, o *unstructured.Unstructured) {
	defer i.progress.Add()
	wanted := o.DeepCopy()
	err := i.c.Create(ctx, o, client.FieldOwner(plugin.FieldManager), client.FieldValidation(metav1.FieldValidationStrict))
	if apierrors.IsAlreadyExists(err) {
		var isSame bool
		if isSame, err = i.isThere(ctx, wanted); isSame {
			i.same.Add(1)
			return
		}
	}
	if err != nil {
		i.fail(ctx, wanted, err)
		return
	}
	i.created.Add(1)
}

var errDiffers = errors.New("it is there already, with another spec: nothing was changed")

// isThere reports whether an object has the spec that it has in the file.
func (i *imports) isThere(ctx context.Context, wanted *unstructured.Unstructured) (bool, error) {
	there := &unstructured.Unstructured{}
	there.SetGroupVersionKind(wanted.GroupVersionKind())
	if err := i.c.Get(ctx, client.ObjectKeyFromObject(wanted), there); err != nil {
		return false, err
	}
	if !equality.Semantic.DeepEqual(there.Object["spec"], wanted.Object["spec"]) {
		return false, errDiffers
	}
	return true, nil
}

// fail reports an object that was not created.
func (i *imports) fail(ctx context.Context, o *unstructured.Unstructured, err error) {
	if ctx.Err() != nil {
		return // the command was interrupted
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failing++
	fmt.Fprintf(i.ErrOut, "%s %s: %s\n", o.GetKind(), o.GetName(), plugin.Printable(err.Error()))
}

func (i *imports) failures() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failing
}

// failed returns the error of a command that has not created all objects.
func (i *imports) failed() error {
	switch n := i.failures(); {
	case n >= maxFailures:
		return fmt.Errorf("the import ended after %d objects had failed; put right what their messages say, and run it again", n)
	case n > 0:
		return fmt.Errorf("%d objects are not as they are in the file: see above; the others are there", n)
	}
	return nil
}
