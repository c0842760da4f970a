// Package v1alpha1 holds the custom resources of cloudsso-operator, API group cloudsso.dev.
//
// One namespace is one directory, that is one tenant. CloudSSODirectory holds its switch and settings,
// CloudSSOUser and CloudSSOGroup are its people, SCIMCredential lets an identity provider in.
//
// +kubebuilder:object:generate=true
// +groupName=cloudsso.dev
package v1alpha1
