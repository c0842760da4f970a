package plugin

import (
	"context"
	"strings"
	"unicode"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldManager is the user agent of this program, and the beginning of the field managers under which it writes.
const FieldManager = "kubectl-cloudsso"

// Author returns the field manager of what a person writes: FieldManager, a slash, and the name by which the API server knows the
// person. So an object says who has changed a field last. A client chooses its field manager, so the API server's audit log alone is
// proof. If the API server does not tell the name, Author returns FieldManager: a write does not fail for that. It sends one request:
// call it once for many writes.
func Author(ctx context.Context, c client.Client) client.FieldOwner {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return FieldManager
	}
	return client.FieldOwner(managerOf(review.Status.UserInfo.Username))
}

// cutMark is at the end of a name that is too long.
const cutMark = "…"

// managerOf returns the field manager of a person. The API server refuses one that is too long, or that has characters which are not
// printable.
func managerOf(username string) string {
	name := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, username)
	if name == "" {
		return FieldManager
	}
	manager := FieldManager + "/" + name
	if len(manager) <= validation.FieldManagerMaxLength {
		return manager
	}
	return strings.ToValidUTF8(manager[:validation.FieldManagerMaxLength-len(cutMark)], "") + cutMark
}

// PersonOf returns the person of a field manager that Author has returned; "" if it names none.
func PersonOf(manager string) string {
	person, isNamed := strings.CutPrefix(manager, FieldManager+"/")
	if !isNamed {
		return ""
	}
	return person
}
