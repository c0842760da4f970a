package plugin

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
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

// CompleteNamespace completes the namespace of a directory; if none begins as typed, or the person may not list directories, any
// namespace.
func (p *Plugin) CompleteNamespace(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	c, _, err := p.Connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var directories v1alpha1.CloudSSODirectoryList
	found := matches(cmd.Context(), c, typed, &directories, func() (names []string) {
		for i := range directories.Items {
			names = append(names, directories.Items[i].Namespace)
		}
		return names
	})
	if len(found) > 0 {
		return found, cobra.ShellCompDirectiveNoFileComp
	}
	var namespaces corev1.NamespaceList
	return matches(cmd.Context(), c, typed, &namespaces, func() (names []string) {
		for i := range namespaces.Items {
			names = append(names, namespaces.Items[i].Name)
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp
}

// CompleteContext completes a context of the kubeconfig.
func (p *Plugin) CompleteContext(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	raw, err := p.config.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return appendMatches(nil, slices.Sorted(maps.Keys(raw.Contexts)), typed), cobra.ShellCompDirectiveNoFileComp
}

// CompleteOutput has the flag --output of a command completed.
func CompleteOutput(cmd *cobra.Command, formats ...string) {
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it fails without the flag only
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
	return matches(ctx, c, typed, page, namesOf, client.InNamespace(namespace)), cobra.ShellCompDirectiveNoFileComp
}

// matches returns the names of listed objects that begin as typed. An error ends the list.
func matches(ctx context.Context, c client.Client, typed string, page client.ObjectList, namesOf func() []string, options ...client.ListOption) []string {
	var found []string
	pages := 0
	_ = EachPage(ctx, c, page, func() bool {
		found = appendMatches(found, namesOf(), typed)
		pages++
		return pages < completionPages && len(found) < maxCompletions
	}, options...)
	return found[:min(len(found), maxCompletions)]
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
