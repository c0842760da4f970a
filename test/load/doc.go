// Package load generates load for any SCIM service. Its workers wait for an answer before they send the next request, as
// provisioning clients do, and it keeps every latency.
//
//	client.go   one provisioning connection, or as many as there are workers
//	run.go      the closed loop
//	samples.go  percentiles, medians
//	users.go    paths and bodies of requests
//
// By default it speaks HTTP/1.1 with a kept-alive connection for each worker, as the HTTP clients of Okta and Entra ID
// do.
package load
