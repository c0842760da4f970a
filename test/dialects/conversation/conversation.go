// Package conversation reads recorded conversations of identity providers: their requests and the expected responses.
// A test replays them, and the documentation's table is generated from them, so that both always agree.
//
//	conversation.go   the content of a file
//	load.go           reads files, and refuses incomplete ones
//	request.go        converts a literal HTTP message into a request
//	names.go          ${name}: values that are known only during a replay
//	meaning.go        compares a response with the expected one
package conversation

// Conversation is the conversation of one provider, in one of its variants.
type Conversation struct {
	Provider string `json:"provider"`
	// Handled are the files that handle what this provider does differently from the RFCs, from the root of the
	// repository.
	Handled []string `json:"handled"`
	// Headers are sent with each of the provider's requests. A header with the value "" is not sent.
	Headers map[string]string `json:"headers"`
	// Before are steps that are taken once, before the first row.
	Before []Step `json:"before,omitempty"`
	// Rows may depend on Before, but not on each other. A row about the whole directory comes first.
	Rows []Row `json:"rows"`
}

// Row is a row of the documentation's table, and one test.
type Row struct {
	Sends  string `json:"sends"`
	Answer string `json:"answer"`
	// Source says where the behaviour is documented, or that it could not be confirmed.
	Source string `json:"source"`
	Steps  []Step `json:"steps"`
}

// Step is a request and the expected response.
type Step struct {
	// Request is an HTTP message: the request line, headers that differ from the conversation's, an empty
	// line, the body. Its target is below the service's base URL.
	Request string `json:"request"`
	Status  int    `json:"status"`
	// Headers must be equal. A header with the value "" must be absent.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the expected part of the response; see Differences.
	Body any `json:"body,omitempty"`
	// Keep gives names to values of the response, by dotted paths such as Resources.0.id.
	Keep map[string]string `json:"keep,omitempty"`
}
