package load

import (
	"fmt"
	"net/url"
	"strings"
)

// userTemplate is a user as Okta sends it.
const userTemplate = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,` +
	`"name":{"givenName":"Given%[2]s","familyName":"Family%[2]s"},` +
	`"emails":[{"primary":true,"value":%[1]q,"type":"work"}],` +
	`"displayName":"Given%[2]s Family%[2]s","locale":"en-US","externalId":%[3]q,"groups":[],"active":true}`

// UserName is the userName of the user that a tag names.
func UserName(tag string) string { return "user-" + tag + "@example.com" }

// ExternalID is its externalId.
func ExternalID(tag string) string { return "00u" + tag }

// User is the body that creates the user that a tag names. Tags are unique, and digits and letters only.
func User(tag string) string { return fmt.Sprintf(userTemplate, UserName(tag), tag, ExternalID(tag)) }

const patchOp = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

// SetActive is the body of the PATCH by which Okta deactivates a user, or activates one.
func SetActive(active bool) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"replace","value":{"active":%t}}`, active))
}

// SetDisplayName is the body of a PATCH that changes one attribute.
func SetDisplayName(name string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name))
}

// Group is the body that creates an empty group.
func Group(displayName string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[]}`, displayName)
}

// AddMembers is the body of the PATCH that adds users to a group.
func AddMembers(ids []string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"add","path":"members","value":[%s]}`, references(ids)))
}

// RemoveMembers is the body of the PATCH that takes users out of a group.
func RemoveMembers(ids []string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"remove","path":"members","value":[%s]}`, references(ids)))
}

func references(ids []string) string {
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return strings.Join(values, ",")
}

// Filter is the path of a query for users.
func Filter(expression string) string { return "/Users?filter=" + url.QueryEscape(expression) }

// Find is the path of the query that identity providers send before they create: attribute eq "value".
func Find(attribute, value string) string { return Filter(fmt.Sprintf("%s eq %q", attribute, value)) }
