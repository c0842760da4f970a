package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// reservedPrefix begins the names of Kubernetes' own users. A binding for one of them would give it to a service account or
// to a component of the cluster.
const reservedPrefix = "system:"

// Username returns the Kubernetes user name of a user. A nil rule is the userName without a prefix. The error says why the
// user has none, and what to change.
func Username(rule *v1alpha1.KubernetesUsername, u *v1alpha1.CloudSSOUser) (string, error) {
	if rule == nil {
		rule = &v1alpha1.KubernetesUsername{}
	}
	value, err := attributeOf(rule.Attribute, u)
	if err != nil {
		return "", err
	}
	if rule.Lowercase {
		value = lowerASCII(value)
	}
	name := rule.Prefix + value
	if strings.HasPrefix(name, reservedPrefix) {
		return "", fmt.Errorf("its Kubernetes user name would be %q, and Kubernetes reserves %q for its own users: set a prefix in spec.kubernetesUsername of the directory", name, reservedPrefix)
	}
	return name, nil
}

func attributeOf(attribute v1alpha1.UsernameAttribute, u *v1alpha1.CloudSSOUser) (string, error) {
	switch attribute {
	case v1alpha1.UsernameFromEmail:
		return email(u)
	case v1alpha1.UsernameFromExternalID:
		if u.Spec.ExternalID == "" {
			return "", errors.New("it has no externalId, which spec.kubernetesUsername of the directory takes the Kubernetes user name from")
		}
		return u.Spec.ExternalID, nil
	case v1alpha1.UsernameFromUserName:
	}
	return u.Spec.UserName, nil
}

// email returns the primary e-mail address of a user, or the only one.
func email(u *v1alpha1.CloudSSOUser) (string, error) {
	for _, e := range u.Spec.Emails {
		if e.Primary != nil && *e.Primary && e.Value != "" {
			return e.Value, nil
		}
	}
	if len(u.Spec.Emails) == 1 && u.Spec.Emails[0].Value != "" {
		return u.Spec.Emails[0].Value, nil
	}
	return "", errors.New("it has no primary e-mail address, and not exactly one, which spec.kubernetesUsername of the directory takes the Kubernetes user name from")
}

// lowerASCII turns A to Z into small letters, as CEL's lowerAscii does. Other letters stay, because the API server's
// authentication leaves them.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// IsEffective reports whether a user can have access: live, active, not suspended, and the holder of its userName. contested
// says that another live user holds the userName. A Manual user holds it while its status says so of the present one.
func IsEffective(u *v1alpha1.CloudSSOUser, contested bool) bool {
	if u.Spec.Source != v1alpha1.SourceSCIM && u.Status.ClaimedName != u.Spec.UserName {
		return false
	}
	return policy.IsEffective(u, contested)
}
