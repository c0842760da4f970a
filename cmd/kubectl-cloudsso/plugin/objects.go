package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// The resources that verbs print.
const (
	Users       = "cloudssousers"
	Groups      = "cloudssogroups"
	Directories = "cloudssodirectories"
	Credentials = "scimcredentials"
)

// Objects says which objects of a resource a verb prints, and how.
type Objects struct {
	Resource      string
	AllNamespaces bool
	LabelSelector string
	FieldSelector string
	Output        string
	NoHeaders     bool
	// LastChange adds to a table which SCIM request has changed the object last.
	LastChange bool
	// Names limits the objects to these, unless it is nil.
	Names []string
	// Single prints the object of the only name by itself, not as a list.
	Single bool

	chunkSize *int64 // nil for pageSize
}

// AddFlags adds the flags of kubectl get. fields are the fields that --field-selector knows.
func (o *Objects) AddFlags(cmd *cobra.Command, fields string) {
	o.AddOutputFlags(cmd)
	flags := cmd.Flags()
	o.chunkSize = flags.Int64("chunk-size", pageSize, "how many objects to ask for at once; 0 for all")
	flags.BoolVarP(&o.AllNamespaces, "all-namespaces", "A", false, "those of all namespaces")
	flags.StringVarP(&o.LabelSelector, "selector", "l", "", "only those with these labels, as in kubectl get")
	flags.StringVar(&o.FieldSelector, "field-selector", "", "only those with these fields: "+fields)
}

// AddOutputFlags adds the flags for the form of what is printed.
func (o *Objects) AddOutputFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.Output, "output", "o", "", "wide, json, yaml or name; a table if absent")
	CompleteOutput(cmd, "wide", "json", "yaml", "name")
	cmd.Flags().BoolVar(&o.NoHeaders, "no-headers", false, "print a table without its headers")
}

// maxGets is up to how many names are read one by one. For more names all objects are read in pages, because a page of 500
// costs the API server less than 100 single reads.
const maxGets = 100

// Print prints the objects, page by page: it holds one page at a time. It returns those of the names that no object has.
func (p *Plugin) Print(ctx context.Context, o Objects) (missing []string, err error) {
	out, err := newPagePrinter(p.Out, &o)
	if err != nil {
		return nil, err
	}
	reader, namespace, err := p.newReader(o, out.accept())
	if err != nil {
		return nil, err
	}
	if o.Names != nil && len(o.Names) <= maxGets {
		missing, err = reader.printEach(ctx, out)
	} else {
		err = reader.printPages(ctx, out)
		missing = out.notSeen()
	}
	if err != nil {
		return missing, err
	}
	if out.printed() == 0 && o.isTable() {
		fmt.Fprintln(p.ErrOut, noneFound(o.AllNamespaces, namespace))
	}
	return missing, out.close()
}

// noneFound returns what kubectl says of an empty list.
func noneFound(everywhere bool, namespace string) string {
	if everywhere {
		return "No resources found"
	}
	return fmt.Sprintf("No resources found in %s namespace.", namespace)
}

// reader reads objects from the API server in the form that a printer accepts.
type reader struct {
	client    *rest.RESTClient
	namespace string // "" for all
	accept    string
	objects   Objects
	warnings  io.Writer
}

func (p *Plugin) newReader(o Objects, accept string) (r *reader, namespace string, err error) {
	config, namespace, err := p.restConfig()
	if err != nil {
		return nil, "", err
	}
	config.APIPath = "/apis"
	config.GroupVersion = &v1alpha1.GroupVersion
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"}) // for the Status of an error
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	r = &reader{namespace: namespace, accept: accept, objects: o, warnings: p.ErrOut}
	if o.AllNamespaces {
		r.namespace = metav1.NamespaceAll
	}
	r.client, err = rest.RESTClientFor(config)
	return r, namespace, err
}

// printPages prints all objects that the selectors and names select. If the list takes so long that the API server does not
// keep its state any more, the rest is that of a later state.
func (r *reader) printPages(ctx context.Context, out pagePrinter) error {
	warned := false
	for next := ""; ; {
		raw, err := r.read(ctx, r.request().VersionedParams(&metav1.ListOptions{
			Limit: ptr.Deref(r.objects.chunkSize, pageSize), Continue: next,
			LabelSelector: r.objects.LabelSelector, FieldSelector: r.objects.FieldSelector,
		}, metav1.ParameterCodec))
		if later := laterContinue(err); later != "" {
			if !warned {
				fmt.Fprintln(r.warnings, "warning: the list took so long that its remaining pages show a later state than those before")
			}
			warned, next = true, later
			continue
		}
		if err != nil {
			return err
		}
		if next, err = out.printList(raw); err != nil || next == "" {
			return err
		}
	}
}

// laterContinue returns the token with which a list goes on whose state is not kept any more: the API server sends it with the
// error. It is "" for any other error.
func laterContinue(err error) string {
	if status, is := err.(apierrors.APIStatus); is && apierrors.IsResourceExpired(err) {
		return status.Status().Continue
	}
	return ""
}

// printEach prints the object of each name, and returns the names that no object has.
func (r *reader) printEach(ctx context.Context, out pagePrinter) (missing []string, err error) {
	for _, name := range r.objects.Names {
		raw, err := r.read(ctx, r.request().Name(name))
		if apierrors.IsNotFound(err) {
			missing = append(missing, name)
			continue
		}
		if err != nil {
			return missing, err
		}
		if err := out.printOne(raw); err != nil {
			return missing, err
		}
	}
	return missing, nil
}

func (r *reader) request() *rest.Request {
	return r.client.Get().NamespaceIfScoped(r.namespace, r.namespace != metav1.NamespaceAll).
		Resource(r.objects.Resource).SetHeader("Accept", r.accept)
}

func (r *reader) read(ctx context.Context, request *rest.Request) ([]byte, error) {
	result := request.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}
