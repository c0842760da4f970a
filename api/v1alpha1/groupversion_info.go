package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of this package.
var GroupVersion = schema.GroupVersion{Group: "cloudsso.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&CloudSSODirectory{}, &CloudSSODirectoryList{},
		&CloudSSOUser{}, &CloudSSOUserList{},
		&CloudSSOGroup{}, &CloudSSOGroupList{},
		&CloudSSOMembershipSlice{}, &CloudSSOMembershipSliceList{},
		&CloudSSONameClaim{}, &CloudSSONameClaimList{},
		&SCIMCredential{}, &SCIMCredentialList{},
		&CloudSSOAccessAssignment{}, &CloudSSOAccessAssignmentList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
