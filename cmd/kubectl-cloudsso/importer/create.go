package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"
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
	// maxFailures is after how many refused objects the command gives up: the reason is the same for all, such as a right.
	maxFailures = 20
)

// imports creates the objects of a file.
type imports struct {
	*plugin.Plugin
	c         client.Client
	author    client.FieldOwner
	namespace string
	manifests *reader
	total     int // of manifests
	progress  *progressbar.ProgressBar
	isCopy    bool // the file is of another namespace

	created, same atomic.Int64
	mu            sync.Mutex
	failing       int // objects that were refused
	differing     int // objects that are there, and not as they are in the file
}

// refuseOther refuses a namespace whose directory is in use: the objects of the file would mix with others. One that awaits its
// activation may be that of an interrupted import.
func (i *imports) refuseOther(ctx context.Context) error {
	d := &v1alpha1.CloudSSODirectory{}
	err := i.c.Get(ctx, client.ObjectKey{Namespace: i.namespace, Name: v1alpha1.DirectoryName}, d)
	if err != nil || policy.IsRestored(d) && !policy.IsActivated(d) {
		return client.IgnoreNotFound(err)
	}
	return fmt.Errorf("namespace %s has a CloudSSODirectory that is in use. To restore it, first run: kubectl cloudsso sync disable -n %[1]s && kubectl -n %[1]s delete cloudssodirectory %s. "+
		"That takes back what its access assignments have granted, until the restored directory is activated", i.namespace, v1alpha1.DirectoryName)
}

// createDirectory creates the directory before the rest. One that is there is of an interrupted import.
func (i *imports) createDirectory(ctx context.Context, d *unstructured.Unstructured) error {
	d.SetNamespace(i.namespace)
	wanted := d.DeepCopy()
	err := i.c.Create(ctx, d, i.author, client.FieldValidation(metav1.FieldValidationStrict))
	count := &i.created
	if apierrors.IsAlreadyExists(err) {
		err, count = i.compare(ctx, wanted, d), &i.same
	}
	if apierrors.IsNotFound(err) {
		err = fmt.Errorf("%w; create the namespace first: kubectl create namespace %s", err, i.namespace)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", plugin.DirectoryKind, wanted.GetName(), err)
	}
	count.Add(1)
	return nil
}

// createAll creates all other objects. Its error is that of the file or of the context; failed objects are counted.
func (i *imports) createAll(ctx context.Context) (err error) {
	i.progress = i.NewProgress("importing", int64(i.total), !i.ShowsProgress)
	defer plugin.EndProgress(i.progress)
	i.addDone() // the directory
	creates, ctx := errgroup.WithContext(ctx)
	creates.SetLimit(parallelCreates)
	for ctx.Err() == nil && i.failures() < maxFailures {
		o, readErr := i.manifests.next()
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			err = readErr
			break
		}
		i.adapt(o)
		creates.Go(func() error {
			i.create(ctx, o)
			return ctx.Err()
		})
	}
	return errors.Join(err, creates.Wait())
}

// addDone counts an object that was looked at. A bar that cannot be shown stops no import.
func (i *imports) addDone() { _ = i.progress.Add(1) }

// adapt changes an object for its namespace.
func (i *imports) adapt(o *unstructured.Unstructured) {
	o.SetNamespace(i.namespace)
	if spec, ok := o.Object["spec"].(map[string]any); ok && i.isCopy && o.GetKind() == "CloudSSOAccessAssignment" {
		spec["mode"] = string(v1alpha1.AccessPreview)
	}
}

// create creates one object, unless it is there as it is in the file.
func (i *imports) create(ctx context.Context, o *unstructured.Unstructured) {
	defer i.addDone()
	wanted := o.DeepCopy()
	err := i.c.Create(ctx, o, i.author, client.FieldValidation(metav1.FieldValidationStrict))
	if err == nil {
		i.created.Add(1)
		return
	}
	count := &i.failing
	if apierrors.IsAlreadyExists(err) {
		if err = i.compare(ctx, wanted, o); err == nil {
			i.same.Add(1)
			return
		}
		count = &i.differing
	}
	i.fail(ctx, wanted, err, count)
}

var (
	errDiffers = errors.New("it is there already, with another spec: nothing was changed")
	errGoing   = errors.New("it is being deleted")
)

// compare reads an object of the cluster, and returns an error if it is not as in the file.
func (i *imports) compare(ctx context.Context, wanted, there *unstructured.Unstructured) error {
	err := i.c.Get(ctx, client.ObjectKeyFromObject(wanted), there)
	switch {
	case err != nil:
		return err
	case policy.IsBeingDeleted(there):
		return errGoing
	case !equality.Semantic.DeepEqual(there.Object["spec"], wanted.Object["spec"]):
		return errDiffers
	}
	return nil
}

// fail reports an object that was not created.
func (i *imports) fail(ctx context.Context, o *unstructured.Unstructured, err error, count *int) {
	if ctx.Err() != nil {
		return // the command was interrupted
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	*count++
	_, _ = progressbar.Bprintf(i.progress, "%s %s: %s\n", o.GetKind(), o.GetName(), plugin.Printable(err.Error()))
}

func (i *imports) failures() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.failing
}

func (i *imports) different() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.differing
}

// failed returns the error of a command after which not all objects are as they are in the file.
func (i *imports) failed() error {
	refused, different := i.failures(), i.different()
	switch {
	case refused >= maxFailures:
		return fmt.Errorf("the import ended after %d objects had been refused; put right what their messages say, and run it again", refused)
	case refused+different > 0:
		return fmt.Errorf("%d objects were refused, and %d are in the namespace in another form (see above); all others are there. To have those of the file, "+
			"delete the ones of the namespace and run the command again; a group differs too when a member of it was deleted. While the switch is "+
			"on, synchronized ones cannot be deleted: kubectl cloudsso sync disable -n %[3]s, and before the command kubectl cloudsso sync enable -n %[3]s",
			refused, different, i.namespace)
	}
	return nil
}
