package load

import (
	"fmt"
	"net/url"
	"strings"
)

// userTemplate is the JSON of a user as Okta sends it.
const userTemplate = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,` +
	`"name":{"givenName":"Given%[2]s","familyName":"Family%[2]s"},` +
	`"emails":[{"primary":true,"value":%[1]q,"type":"work"}],` +
	`"displayName":"Given%[2]s Family%[2]s","locale":"en-US","externalId":%[3]q,"groups":[],"active":%[4]t}`

// UserName returns the userName of the user that a tag names.
func UserName(tag string) string { return "user-" + tag + "@example.com" }

// ExternalID returns the externalId of that user.
func ExternalID(tag string) string { return "00u" + tag }

// User returns the body of the POST that creates the user that a tag names. Tags are unique, and digits and letters
// only.
func User(tag string) string { return user(tag, true) }

// InactiveUser returns the body of the POST that creates that user with active false.
func InactiveUser(tag string) string { return user(tag, false) }

func user(tag string, active bool) string {
	return fmt.Sprintf(userTemplate, UserName(tag), tag, ExternalID(tag), active)
}

const patchOp = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`

// SetActive returns the body of the PATCH by which Okta deactivates a user, or activates one.
func SetActive(active bool) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"replace","value":{"active":%t}}`, active))
}

// SetUserName returns the body of the PATCH that renames a user to the userName of a tag.
func SetUserName(tag string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"replace","path":"userName","value":%q}`, UserName(tag)))
}

// SetDisplayName returns the body of a PATCH that changes one attribute.
func SetDisplayName(name string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name))
}

// Group returns the body of the POST that creates a group with those members.
func Group(displayName string, members ...string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[%s]}`,
		displayName, references(members))
}

// AddMembers returns the body of the PATCH that adds users to a group.
func AddMembers(ids []string) string {
	return fmt.Sprintf(patchOp, fmt.Sprintf(`{"op":"add","path":"members","value":[%s]}`, references(ids)))
}

// RemoveMembers returns the body of the PATCH that removes users from a group.
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

// Filter returns the path of a query for users.
func Filter(expression string) string { return "/Users?filter=" + url.QueryEscape(expression) }

// Find returns the path of the query that identity providers send before they create a user: attribute eq "value".
func Find(attribute, value string) string { return Filter(fmt.Sprintf("%s eq %q", attribute, value)) }
