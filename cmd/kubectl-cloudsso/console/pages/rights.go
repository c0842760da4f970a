package pages

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// right is what a person must be allowed to do for a control to work.
type right struct {
	Verb     string // of the API server: get, create, update, patch, delete
	Resource string // plural: cloudssousers
	Group    string
	// Name is that of an object, for rights that may be given for it alone; "" for all.
	Name string
	Sub  string // subresource, such as status; "" for the object
	// Namespace is where the right is needed: "" for the directory's, or everywhere.
	Namespace string
}

// everywhere stands for all namespaces, and for what belongs to none.
const everywhere = "*"

// rightTo returns a right over a resource of this project.
func rightTo(verb, resource string) right {
	return right{Verb: verb, Resource: resource, Group: v1alpha1.GroupVersion.Group}
}

// over returns the right over one object, which a role may give by its name.
func (r right) over(name string) right {
	r.Name = name
	return r
}

// String returns the right as kubectl auth can-i writes it: "patch cloudssodirectories.cloudsso.dev", and where it is needed, unless
// that is the directory's namespace.
func (r right) String() string {
	s := r.Verb + " " + r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Sub != "" {
		s += "/" + r.Sub
	}
	switch r.Namespace {
	case "":
	case everywhere:
		s += " -A"
	default:
		s += " -n " + r.Namespace
	}
	return s
}

// namespaceIn returns the namespace of the right for the API server, at a page of a directory's namespace.
func (r right) namespaceIn(directory string) string {
	if r.Namespace == everywhere {
		return ""
	}
	return cmp.Or(r.Namespace, directory)
}

// rights are those that a page asked about. A control without its right is not there, or says which right is missing.
type rights map[right]bool

// Missing returns the right as text if the person lacks it; "" if not.
func (held rights) Missing(wanted right) string {
	if held[wanted] {
		return ""
	}
	return wanted.String()
}

// readRights asks the API server, all at a time, which of the rights the person has in the namespace of the request.
func (r *request) readRights(wanted ...right) (rights, error) {
	allowed := make([]bool, len(wanted))
	questions, ctx := errgroup.WithContext(r.Context())
	for i, w := range wanted {
		questions.Go(func() (err error) {
			allowed[i], err = r.isAllowed(ctx, w)
			return err
		})
	}
	if err := questions.Wait(); err != nil {
		return nil, err
	}
	held := rights{}
	for i, w := range wanted {
		held[w] = allowed[i]
	}
	return held, nil
}

func (r *request) isAllowed(ctx context.Context, w right) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: w.namespaceIn(r.namespace()), Verb: w.Verb, Group: w.Group, Resource: w.Resource, Subresource: w.Sub, Name: w.Name,
		},
	}}
	err := r.Client.Create(ctx, review)
	return review.Status.Allowed, err
}
