package nameclaim

import "fmt"

// The API server of the search, small enough to be copied at every step: eight users, two names.

// userID numbers the users. Its metadata.name is a letter.
type userID uint8

const (
	noUser   userID = iota
	userA           // of source SCIM, with the guard's finalizer
	userB           // of source SCIM
	userD           // of source SCIM, deprovisioned
	userM           // of source Manual
	firstNew        // what the first operation creates; then the second's and the third's
	lastUser = firstNew + maxOperations
	// probeUser is created where everything has ended, to see whether a name is blocked.
	probeUser = lastUser
)

const (
	maxOperations = 3
	numNames      = 2
	idLetters     = " abdm123p"
)

func (id userID) String() string { return idLetters[id : id+1] }

// spelling is a userName: one of two names, in capital or small letters.
type spelling uint8

const (
	unnamed spelling = iota
	upperX
	upperY
	lowerX
	lowerY
)

const spellings = " XYxy"

func (s spelling) String() string { return spellings[s : s+1] }

// index returns the number of the claim on a name.
func (s spelling) index() int { return int(s-1) % numNames }

func sameName(a, b spelling) bool { return a != unnamed && b != unnamed && a.index() == b.index() }

// user is a CloudSSOUser. A user without a name does not exist.
type user struct {
	userName    spelling
	claimedName spelling // in status
	// acknowledged is the name under which a client was told that the user is stored, or a controller has accepted it.
	acknowledged                                    spelling
	manual, deprovisioned, deleting, guarded, bound bool
	// unclaimed is set on a user from before claims, until it gets one.
	unclaimed bool
	version   uint8
}

func (u user) live() bool {
	return u.userName != unnamed && !u.deprovisioned && (!u.deleting || u.guarded)
}

func (u user) String() string {
	s := "as " + u.userName.String()
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{u.claimedName != unnamed, "claimed as " + u.claimedName.String()},
		{u.acknowledged != unnamed, "acknowledged as " + u.acknowledged.String()},
		{u.manual, "Manual"},
		{u.deprovisioned, "deprovisioned"},
		{u.deleting, "deleting"},
		{u.guarded, "guarded"},
	} {
		if flag.set {
			s += ", " + flag.name
		}
	}
	return s
}

// bare returns what a client sees of a user, without its version.
func (u user) bare() user {
	u.acknowledged, u.unclaimed, u.version = unnamed, false, 0
	return u
}

// claim is a CloudSSONameClaim.
type claim struct {
	holder       userID
	version, uid uint8
	// running are the operations, one bit each, that had begun when the claim was acquired or refreshed last. While one
	// of them runs the claim is not abandoned: a minute is longer than any operation runs.
	running uint8
}

// verb is a request to the API server, or another point at which an operation depends on the world.
type verb uint8

const (
	noRequest verb = iota
	getUser
	createUser
	updateUser
	updateStatus
	deleteUser
	editUser // by hand, without a precondition
	getClaim
	createClaim
	updateClaim
	deleteClaim
	askAbandoned
	end // of the operation
)

var verbs = [...]string{"", "get user", "create user", "update user", "update status of user", "delete user", "edit by hand user", "get claim", "create claim", "update claim", "delete claim", "is abandoned: claim", "end"}

// request is what an operation waits for.
type request struct {
	verb verb
	id   userID
	user user     // what is written
	name spelling // the claim's
	// holder is what is written into the claim. For a deletion without preconditions it is the holder whose claim goes.
	holder userID
	// version and uid are preconditions, or the version that is asked about.
	version, uid uint8
	// unchanged marks an update of a claim that writes what was read, or only what an omitted rule leaves out.
	unchanged bool
	refused   bool     // by admission
	acked     spelling // what the client is told if the write succeeds
	outcome   outcome  // of an operation that has ended
}

func (r request) String() string {
	if r.verb == end {
		return fmt.Sprintf("ends: %s %s", r.outcome, r.id)
	}
	s := verbs[r.verb]
	switch {
	case r.name == unnamed && r.user.userName == unnamed:
		return fmt.Sprintf("%s %s", s, r.id)
	case r.name == unnamed:
		return fmt.Sprintf("%s %s: %s", s, r.id, r.user)
	case r.holder == noUser:
		return fmt.Sprintf("%s %s", s, r.name)
	}
	return fmt.Sprintf("%s %s for %s", s, r.name, r.holder)
}

func (r request) isWrite() bool {
	switch r.verb {
	case noRequest, getUser, getClaim, askAbandoned, end:
		return false
	}
	return true
}

// outcome is how an operation ended.
type outcome uint8

const (
	done    outcome = iota // or failed: what matters is what it has left behind
	again                  // its object has changed meanwhile: it begins again
	created                // or adopted or restored
	pending
	failed
)

var outcomes = [...]string{"done", "again", "created", "pending", "failed"}

func (o outcome) String() string { return outcomes[o] }

// code is an answer's status.
type code uint8

const (
	ok code = iota
	notFound
	alreadyExists
	conflict
	forbidden
	no // of a question
)

var codes = [...]string{"ok", "not found", "already exists", "conflict", "forbidden", "no"}

// answer is an API server's, with the object as it is now.
type answer struct {
	code  code
	user  user
	claim claim
}

func (a answer) String() string {
	switch {
	case a.code != ok:
		return codes[a.code]
	case a.claim.holder != noUser:
		return fmt.Sprintf("holder %s, version %d", a.claim.holder, a.claim.version)
	case a.user.userName != unnamed:
		return a.user.String()
	}
	return "ok"
}

// world is everything that is stored, and how far each operation is.
type world struct {
	users      [lastUser + 1]user
	claims     [numNames]claim
	version    uint8 // the latest
	operations [maxOperations]progress
}

// next draws a resourceVersion or a uid.
func (w *world) next() uint8 {
	w.version++
	if w.version == 0 {
		panic("the search has run out of versions")
	}
	return w.version
}

// running returns the operations that have begun and not ended, one bit each.
func (w *world) running() (set uint8) {
	for i := range w.operations {
		if w.operations[i].state == running {
			set |= 1 << i
		}
	}
	return set
}

// carryOut does what the API server does with a request, whose versions are the world's. A late request is one of an
// operation that has died, so that no client is told of it.
func (w *world) carryOut(r request, late bool) answer {
	switch r.verb {
	case getUser:
		if w.users[r.id].userName == unnamed {
			return answer{code: notFound}
		}
		return answer{user: w.users[r.id]}
	case createUser, updateUser, updateStatus, deleteUser, editUser:
		return w.writeUser(r, late)
	case getClaim:
		if w.claims[r.name.index()].holder == noUser {
			return answer{code: notFound}
		}
		return answer{claim: w.claims[r.name.index()]}
	case createClaim, updateClaim, deleteClaim:
		return w.writeClaim(r)
	case askAbandoned:
		// Of a claim that has changed since it was read, a replica may say so too: all it writes then is refused.
		if c := w.claims[r.name.index()]; c.version == r.version && c.running&w.running() != 0 {
			return answer{code: no}
		}
		return answer{}
	}
	panic("no request")
}

func (w *world) writeUser(r request, late bool) answer {
	u := &w.users[r.id]
	switch {
	case r.refused:
		return answer{code: forbidden}
	case r.verb == createUser && u.userName != unnamed:
		return answer{code: alreadyExists}
	case r.verb != createUser && u.userName == unnamed:
		return answer{code: notFound}
	case r.version != 0 && r.version != u.version:
		return answer{code: conflict}
	}
	was := *u
	switch r.verb {
	case createUser:
		*u = r.user
	case updateUser: // status has a subresource of its own
		r.user.claimedName, r.user.acknowledged, r.user.unclaimed = was.claimedName, was.acknowledged, was.unclaimed
		*u = r.user
	case updateStatus:
		u.claimedName = r.user.claimedName
	case deleteUser:
		if !u.guarded && !u.bound {
			*u = user{}
			return answer{}
		}
		u.deleting = true
	case editUser:
		u.userName, u.deprovisioned, u.acknowledged = r.user.userName, false, unnamed
	}
	if u.deleting && !u.guarded && !u.bound {
		*u = user{}
		return answer{}
	}
	if !sameName(was.userName, u.userName) {
		u.acknowledged, u.unclaimed = unnamed, false
	}
	// What a dead controller has written counts: status says that the user is accepted.
	if r.acked != unnamed && (!late || r.verb == updateStatus) {
		u.acknowledged = r.acked
	}
	u.version = w.next()
	return answer{user: *u}
}

func (w *world) writeClaim(r request) answer {
	c := &w.claims[r.name.index()]
	switch {
	case r.verb == createClaim && c.holder != noUser:
		return answer{code: alreadyExists}
	case r.verb != createClaim && c.holder == noUser:
		return answer{code: notFound}
	case r.version != 0 && r.version != c.version, r.uid != 0 && r.uid != c.uid:
		return answer{code: conflict}
	case r.verb == deleteClaim && r.holder != noUser && r.holder != c.holder:
		return answer{code: conflict}
	}
	switch r.verb {
	case createClaim:
		*c = claim{holder: r.holder, uid: w.next()}
	case updateClaim:
		if r.unchanged { // an API server stores nothing then, and the version stays
			return answer{claim: *c}
		}
		c.holder = r.holder
	case deleteClaim:
		*c = claim{}
		return answer{}
	}
	c.version, c.running = w.next(), w.running()
	if u := &w.users[r.holder]; u.userName != unnamed && sameName(u.userName, r.name) {
		u.unclaimed = false
	}
	return answer{claim: *c}
}

// violation returns what is wrong: a user was acknowledged, is live, still has the name, and does not hold its claim.
// lacking says whether a claim that is missing counts too, or only one that another user holds.
func (w *world) violation(lacking bool) string {
	for id, u := range w.users {
		if !u.live() || !sameName(u.acknowledged, u.userName) {
			continue
		}
		switch c := w.claims[u.userName.index()]; {
		case c.holder == userID(id):
		case c.holder != noUser:
			return fmt.Sprintf("%s was acknowledged as %s, and %s holds the claim", userID(id), u.userName, c.holder)
		case lacking && !u.unclaimed:
			return fmt.Sprintf("%s was acknowledged as %s, and has no claim", userID(id), u.userName)
		}
	}
	return ""
}
