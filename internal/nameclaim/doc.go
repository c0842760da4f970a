// Package nameclaim keeps userNames unique among the live users of a namespace, and displayNames among its groups,
// on any number of replicas (docs/adr/0002-names.md).
//
// The API server keeps metadata.name unique and nothing else, so each name is an object: a CloudSSONameClaim, whose
// metadata.name is computed from the name, says which object holds it. The claim is written before the object. Claims
// and holders are read live.
//
//	name.go      a name, and the metadata.name of its claim
//	claims.go    what the package needs, and who holds a name
//	acquire.go   create, refresh or take over a claim
//	write.go     the order of writes: create, rename, delete, release
//	sweep.go     claims that are missing or left over
//	abandoned.go which claims no request can be working on any more
package nameclaim
