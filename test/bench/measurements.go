package main

// measurements returns all measurements in the order in which they run. Those that need exactly -users users come
// before those that create more.
func (b *bench) measurements() []measurement {
	var all []measurement
	if b.groups > 0 {
		all = append(all, b.groupMeasurements()...)
	}
	all = append(all,
		restartMeasurement(),
		getMeasurement(1), getMeasurement(manyWorkers),
		filterMeasurement("userName"), filterMeasurement("externalId"),
		listMeasurement(), scanMeasurement(), scannersMeasurement(), negativeMeasurement(),
		apiWriteMeasurement(),
		growthMeasurement(),
		patchMeasurement(1), patchMeasurement(manyWorkers),
		createMeasurement(1), createMeasurement(manyWorkers),
		replicaMeasurement(),
		deactivationMeasurement(),
		accessPatchMeasurement(1), accessPatchMeasurement(manyWorkers), revocationMeasurement(), grantMeasurement(), bystanderMeasurement(),
		memoryAfterLoadMeasurement(),
	)
	all = append(all, groupGrowthMeasurements(b.users)...)
	if b.directories > 0 {
		all = append(all, b.directoryMeasurements()...)
	}
	if b.beyond {
		all = append(all, etcdMeasurement(), b.floodMeasurement("service account", floodingAccount), b.floodMeasurement("user", floodingUser))
	}
	return all
}
