// Package informer keeps the informers of controller-runtime's cache close to an API server that is away or restarts,
// and reports for how long a kind has had no connection to it.
//
// client-go's reflector waits up to a minute between two attempts if several have failed. This package therefore
// retries list and watch calls below the reflector, twice a second. The reflector's back-off grows by one step only if
// it has to list again, because the API server does not know the revision of the last event any more.
//
// It also keeps the informers small: of namespaces without a marker, which is a CloudSSODirectory, they get only a part of
// each object (Trimming). When a namespace gets a marker, its objects are listed, and put into the open watch. The pages of a list
// are as large as the weight of its objects permits.
package informer
