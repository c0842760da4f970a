// Package load is a load generator for SCIM services, any of them: workers that each wait for the answer
// before they send the next request, as provisioning clients do, and every latency kept.
//
//	client.go   one provisioning connection, or as many as there are workers
//	run.go      the closed loop
//	samples.go  percentiles, medians
//	users.go    what is sent
//
// By default it speaks HTTP/1.1 with a kept-alive connection for each worker: what the HTTP clients of Okta
// and Entra ID do.
package load
