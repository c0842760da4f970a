package plugin

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldManager is the name under which the verbs write, and their user agent.
const FieldManager = "kubectl-cloudsso"

// maxFieldManager is how many bytes the API server takes for a field manager.
const maxFieldManager = 128

// Author returns the field manager of what a person writes: FieldManager, and what the API server calls the person, so that an object
// says who has changed a field last. It is FieldManager alone if the API server does not tell. It is a client's own word; the API
// server's audit log has the proof.
func Author(ctx context.Context, c client.Client) client.FieldOwner {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return FieldManager
	}
	return client.FieldOwner(managerOf(review.Status.UserInfo.Username))
}

// managerOf returns the field manager of a person. The API server refuses one that is long, or has characters that are not printed.
func managerOf(username string) string {
	printed := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, username)
	if printed == "" {
		return FieldManager
	}
	manager := FieldManager + "/" + printed
	for len(manager) > maxFieldManager {
		_, size := utf8.DecodeLastRuneInString(manager)
		manager = manager[:len(manager)-size]
	}
	return manager
}

// PersonOf returns the person of a field manager that Author has named; "" if it names none.
func PersonOf(manager string) string {
	person, isNamed := strings.CutPrefix(manager, FieldManager+"/")
	if !isNamed {
		return ""
	}
	return person
}
