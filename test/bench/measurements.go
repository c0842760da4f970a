package main

// measurements are all there are, in the order in which they are run: what needs exactly so many users
// comes before what creates more.
func measurements() []measurement {
	return []measurement{
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
		growingGroup(20_000), growingGroup(100_000), shrinkingGroup(),
		memoryAfterLoad(),
	}
}
