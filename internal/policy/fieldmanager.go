package policy

// FieldManager is the field manager of everything that the operator writes, and the reporting controller of its Events, so that a
// person who reads them knows the program. The API server takes a field manager from the part of the user agent before the slash.
const FieldManager = "cloudsso-operator"
