package plugin

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// maxCompletions is how many names a completion offers at most: more than a person reads.
	maxCompletions = 100
	// completionPages is how many pages a completion reads at most, because a person waits at the keyboard. The API server
	// finds no names by their beginning.
	completionPages = 10
)

// CompleteUserName completes the userName of a user.
func (p *Plugin) CompleteUserName(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var page v1alpha1.CloudSSOUserList
	return p.complete(cmd.Context(), args, typed, &page, func() (names []string) {
		for i := range page.Items {
			names = append(names, page.Items[i].Spec.UserName)
		}
		return names
	})
}

// CompleteGroup completes the displayName of a group.
func (p *Plugin) CompleteGroup(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var page v1alpha1.CloudSSOGroupList
	return p.complete(cmd.Context(), args, typed, &page, func() (names []string) {
		for i := range page.Items {
			names = append(names, page.Items[i].Spec.DisplayName)
		}
		return names
	})
}

// CompleteCredential completes the name of a credential.
func (p *Plugin) CompleteCredential(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var page v1alpha1.SCIMCredentialList
	return p.complete(cmd.Context(), args, typed, &page, func() (names []string) {
		for i := range page.Items {
			names = append(names, page.Items[i].Name)
		}
		return names
	})
}

// complete returns the names that begin as typed, in any letter case. An error offers nothing, because a completion has no
// place for it.
func (p *Plugin) complete(ctx context.Context, args []string, typed string, page client.ObjectList, namesOf func() []string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, namespace, err := p.Connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	pages := 0
	_ = EachPage(ctx, c, page, func() bool {
		found = appendMatches(found, namesOf(), typed)
		pages++
		return pages < completionPages && len(found) < maxCompletions
	}, client.InNamespace(namespace))
	return found[:min(len(found), maxCompletions)], cobra.ShellCompDirectiveNoFileComp
}

// appendMatches adds the names that begin as typed. It leaves out those that a shell or terminal could misread.
func appendMatches(found, names []string, typed string) []string {
	for _, name := range names {
		if len(name) >= len(typed) && strings.EqualFold(name[:len(typed)], typed) && name == Printable(name) {
			found = append(found, name)
		}
	}
	return found
}
