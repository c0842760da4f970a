package main

// measurements are all there are for a directory of so many users, in the order in which they are run: what
// needs exactly so many comes before what creates more.
func measurements(users int) []measurement {
	all := []measurement{
		restarts(),
		gets(1), gets(manyWorkers),
		finds("userName"), finds("externalId"),
		lists(), scans(), negatives(),
		apiWrites(),
		growth(),
		patches(1), patches(manyWorkers),
		creates(1), creates(manyWorkers),
		replicas(),
		deactivations(),
		memoryAfterLoad(),
	}
	return append(all, growingGroups(users)...)
}
