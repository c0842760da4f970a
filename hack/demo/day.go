package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// play plays the day, step by step. Names carry the time, so that it can be played again.
func (d *day) play(ctx context.Context) error {
	suffix := time.Now().Format("150405")
	alice, group := "alice."+suffix+"@example.com", "Engineering "+suffix
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return d.join(ctx, alice, suffix) },
		func(ctx context.Context) error { return d.work(ctx, group) },
		d.leaveAndReturn,
		func(ctx context.Context) error { return d.access(ctx, alice, "Platform "+group) },
		d.refusedDeletion,
		d.switchOffAndDelete,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	title("That was the day. docs/okta.md connects Okta; docs/access.md gives groups access; docs/switch.md says more about the switch.")
	return nil
}

func (d *day) join(ctx context.Context, userName, suffix string) error {
	title("Alice joins: the provider looks for her userName, finds no user, and creates her")
	filter := url.QueryEscape(fmt.Sprintf("userName eq %q", userName))
	if _, err := d.scim(ctx, 200, "GET", "/Users?filter="+filter+"&startIndex=1&count=100", ""); err != nil {
		return err
	}
	created, err := d.scim(ctx, 201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`+
		`"userName":%q,"externalId":"00u%s","name":{"givenName":"Alice","familyName":"Adams"},"displayName":"Alice Adams",`+
		`"emails":[{"primary":true,"value":%q,"type":"work"}],"groups":[],"password":"ignored","active":true}`, userName, suffix, userName))
	if err != nil {
		return err
	}
	d.ids["alice"] = created.ID()
	title("The provider finds her from now on, and kubectl shows her")
	if _, err := d.scim(ctx, 200, "GET", "/Users?filter="+filter+"&startIndex=1&count=100", ""); err != nil {
		return err
	}
	d.table(ctx, "Active")
	title("Her name changes")
	_, err = d.scim(ctx, 200, "PATCH", "/Users/"+d.ids["alice"], patch(`{"op":"replace","value":{"displayName":"Alice Baker","name":{"familyName":"Baker"}}}`))
	return err
}

func (d *day) work(ctx context.Context, name string) error {
	title("The provider pushes a group, renames it, and adds Alice")
	group, err := d.scim(ctx, 201, "POST", "/Groups", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[]}`, name))
	if err != nil {
		return err
	}
	d.ids["group"] = group.ID()
	if _, err := d.scim(ctx, 200, "PATCH", "/Groups/"+group.ID(), patch(fmt.Sprintf(`{"op":"replace","value":{"id":%q,"displayName":"Platform %s"}}`, group.ID(), name))); err != nil {
		return err
	}
	if _, err := d.scim(ctx, 200, "PATCH", "/Groups/"+group.ID(), patch(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q,"display":"Alice"}]}`, d.ids["alice"]))); err != nil {
		return err
	}
	d.run(ctx, "wait", "cloudssogroup/"+group.ID(), "--for=jsonpath={.status.members}=1", "--timeout=10s")
	d.run(ctx, "get", "cloudssogroups")
	return nil
}

func (d *day) leaveAndReturn(ctx context.Context) error {
	title("Alice leaves: she is disabled within a second, and stays in her group")
	if err := d.setActive(ctx, false); err != nil {
		return err
	}
	d.table(ctx, "Disabled")
	title("Alice comes back")
	if err := d.setActive(ctx, true); err != nil {
		return err
	}
	d.table(ctx, "Active")
	return nil
}

func (d *day) refusedDeletion(ctx context.Context) error {
	title("An administrator tries to delete her while synchronization is Enabled, and is refused")
	if d.run(ctx, "delete", "cloudssouser", d.ids["alice"]) {
		return errors.New("the deletion should have been refused")
	}
	return nil
}

func (d *day) switchOffAndDelete(ctx context.Context) error {
	title("With synchronization Disabled, SCIM is refused and she can be deleted")
	all, err := d.provider.Do(ctx, "GET", "/Users?count=0", "")
	if err != nil {
		return err
	}
	if !d.flip(ctx, "Disabled") {
		return errors.New("the switch could not be set")
	}
	if _, err := d.scim(ctx, 403, "PATCH", "/Users/"+d.ids["alice"], patch(`{"op":"replace","value":{"active":false}}`)); err != nil {
		return err
	}
	if !d.run(ctx, "delete", "cloudssouser", d.ids["alice"]) {
		return errors.New("the deletion should have been allowed")
	}
	// Counts are written once a second.
	d.run(ctx, "wait", "cloudssodirectory/default", fmt.Sprintf("--for=jsonpath={.status.users.scim}=%d", all.Total()-1), "--timeout=10s")
	d.run(ctx, "get", "cloudssousers,cloudssogroups,scimcredentials,cloudssodirectories")
	title("With synchronization Enabled again, the directory says that a write was refused: ResyncNeeded")
	if !d.flip(ctx, "Enabled") {
		return errors.New("the switch could not be set")
	}
	d.run(ctx, "wait", "cloudssodirectory/default", "--for=condition=ResyncNeeded", "--timeout=10s")
	_, err = d.scim(ctx, 204, "DELETE", "/Groups/"+d.ids["group"], "")
	return err
}

func (d *day) flip(ctx context.Context, position string) bool {
	return d.run(ctx, "patch", "cloudssodirectory", "default", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"scimSynchronization":%q}}`, position))
}

// table waits for Alice's state and shows it.
func (d *day) table(ctx context.Context, state string) {
	d.run(ctx, "wait", "cloudssouser/"+d.ids["alice"], "--for=jsonpath={.status.state}="+state, "--timeout=10s")
	d.run(ctx, "get", "cloudssousers")
}

func patch(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}
