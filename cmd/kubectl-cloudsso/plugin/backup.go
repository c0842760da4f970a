package plugin

// DirectoryKind is the first kind of a backup.
const DirectoryKind = "CloudSSODirectory"

// BackupKinds are the kinds of a backup, in the order in which they are restored: users come before the groups that list them.
var BackupKinds = []string{DirectoryKind, "SCIMCredential", "CloudSSOUser", "CloudSSOGroup", "CloudSSOMembershipSlice", "CloudSSOAccessAssignment"}

// BackupEnd is the last line of a backup, as a format with the number of its objects: a file that was cut off has none.
const BackupEnd = "# end of export: %d objects"
