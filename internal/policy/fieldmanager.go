package policy

// FieldManager is the field manager of everything that the operator writes. The API server takes it from the part of the user
// agent before the slash.
const FieldManager = "cloudsso-operator"
