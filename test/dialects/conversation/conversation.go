// Package conversation reads recorded conversations of identity providers: what one sends, and what the
// answer has to mean. A test replays them, and the documentation's table is made of them, so that neither
// says what the other does not.
//
//	conversation.go   what a file says
//	load.go           reading files, and refusing those that say too little
//	request.go        a literal HTTP message as a request
//	names.go          ${name}: what is not known when a conversation is written down
//	meaning.go        whether an answer means what is expected
package conversation

// Conversation is one provider's, in one of its variants.
type Conversation struct {
	Provider string `json:"provider"`
	// Headers are those of every request of the provider's. One that is "" is not sent.
	Headers map[string]string `json:"headers"`
	// Before is what the provider has sent before any row: once, not before each.
	Before []Step `json:"before,omitempty"`
	// Rows need Before and not each other; one that is about the whole directory comes first.
	Rows []Row `json:"rows"`
}

// Row is a line of the documentation's table, and one test.
type Row struct {
	Sends  string `json:"sends"`
	Answer string `json:"answer"`
	// Source is where the behaviour is known from. It says so where it could not be confirmed.
	Source string `json:"source"`
	Steps  []Step `json:"steps"`
}

// Step is a request and what its answer has to mean.
type Step struct {
	// Request is an HTTP message: the request line, headers that differ from the conversation's, an empty
	// line, the body. Its target is below the service's base URL.
	Request string `json:"request"`
	Status  int    `json:"status"`
	// Headers have to be equal. One that is "" must not be there.
	Headers map[string]string `json:"headers,omitempty"`
	// Body is the part of the answer that matters; see Differences.
	Body any `json:"body,omitempty"`
	// Keep gives names to values in the answer: dotted paths, such as Resources.0.id.
	Keep map[string]string `json:"keep,omitempty"`
}
