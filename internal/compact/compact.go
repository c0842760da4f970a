// Package compact makes objects small that a cache keeps for long.
//
// In what comes out of a JSON decoder each string is an allocation of its own, though most objects have many in
// common, and there are managed fields that nobody reads. Of a hundred thousand users an operator's memory is made.
package compact

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Transform is a cache.TransformFunc of client-go, which sees an object before anybody else and may change it. It strips
// managed fields, and of users, groups and slices the spare room in lists; their strings then share one allocation, or
// with other objects where they are words that many have. Whoever keeps a part of a string keeps all of that object's:
// clone what outlives it.
//
// The object stays where it is. A copy of each would leave a hole for each, in memory that nothing else has use for.
func Transform(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	switch object.(type) {
	case *v1alpha1.CloudSSOUser, *v1alpha1.CloudSSOGroup, *v1alpha1.CloudSSOMembershipSlice:
		pack(object)
	}
	return object, nil
}

func pack(object any) {
	p := packers.Get().(*packer) //nolint:errcheck,forcetypeassert // there is nothing else in the pool
	defer packers.Put(p)
	p.add(reflect.ValueOf(object).Elem(), false)
	text := string(p.text)
	for _, place := range p.places {
		place.at.SetString(text[place.from : place.from+place.at.Len()])
	}
	clear(p.places)
	p.text, p.places = p.text[:0], p.places[:0]
}

var packers = sync.Pool{New: func() any { return &packer{} }}

// packer gathers the strings of one object.
type packer struct {
	text   []byte
	places []place
}

// place is a string, and where in the text it begins.
type place struct {
	at   reflect.Value
	from int
}

// searched is how much text a string is looked for in: userNames are email addresses, and names end in themselves.
const searched = 1024

// add gathers the strings of a value, unless they are words, which many objects have.
func (p *packer) add(v reflect.Value, areWords bool) {
	switch v.Kind() { //nolint:exhaustive // no other kind has strings in it, but maps, which keep theirs
	case reflect.String:
		p.addString(v, areWords)
	case reflect.Pointer:
		if v.Type() == boolean {
			shareBool(v)
		} else if !v.IsNil() {
			p.add(v.Elem(), areWords)
		}
	case reflect.Slice:
		clip(v)
		if list, isPlain := v.Interface().([]string); isPlain && areWords {
			v.Set(reflect.ValueOf(wordLists.one(strings.Join(list, "\x00"), list)))
			return
		}
		for i := range v.Len() {
			p.add(v.Index(i), areWords)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			p.add(v.Field(f.index), areWords || f.words)
		}
	}
}

var (
	boolean = reflect.TypeFor[*bool]()
	yes, no = reflect.ValueOf(new(true)), reflect.ValueOf(new(false))
)

// shareBool puts one of two booleans in the place of one of its own, which would hold a block among strings that are
// garbage.
func shareBool(v reflect.Value) {
	switch {
	case v.IsNil():
	case v.Elem().Bool():
		v.Set(yes)
	default:
		v.Set(no)
	}
}

// clip takes the spare room off a list.
func clip(v reflect.Value) {
	if v.Len() < v.Cap() {
		exact := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(exact, v)
		v.Set(exact)
	}
}

func (p *packer) addString(v reflect.Value, isWord bool) {
	s := v.String()
	switch {
	case s == "":
	case isWord || v.Type() != plain && v.Type() != uid: // a type of its own is an enumeration
		v.SetString(words.one(s, s))
	default:
		at := -1
		if len(p.text) < searched {
			at = bytes.Index(p.text, []byte(s))
		}
		if at < 0 {
			at = len(p.text)
			p.text = append(p.text, s...)
		}
		p.places = append(p.places, place{v, at})
	}
}

var (
	plain = reflect.TypeFor[string]()
	uid   = reflect.TypeFor[types.UID]()
)

// field is one of a struct that may have strings in it.
type field struct {
	index int
	words bool
}

var byType sync.Map // of []field, by reflect.Type

func fieldsOf(t reflect.Type) []field {
	if fields, found := byType.Load(t); found {
		return fields.([]field) //nolint:errcheck,forcetypeassert // there is nothing else in it
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported(), !hasStrings(f.Type), slices.Contains(keptApart, f.Type): // a list of members is as it is decoded
		default:
			fields = append(fields, field{i, t == condition || slices.Contains(wordFields, f.Name)})
		}
	}
	byType.Store(t, fields)
	return fields
}

var condition = reflect.TypeFor[metav1.Condition]()

// wordFields are those in which many objects have the same.
var wordFields = []string{"Namespace", "Finalizers", "Type", "Locale", "PreferredLanguage", "Timezone", "UserType"}

// keptApart are lists of which parts come and go while others stay: indexes keep their strings for longer.
var keptApart = []reflect.Type{reflect.TypeFor[[]v1alpha1.Member]()}

// hasStrings reports whether there is something to do in a type: strings, or a boolean to share.
func hasStrings(t reflect.Type) bool {
	switch t.Kind() { //nolint:exhaustive // as in add
	case reflect.String:
		return true
	case reflect.Pointer, reflect.Slice:
		return t == boolean || hasStrings(t.Elem())
	case reflect.Struct:
		return len(fieldsOf(t)) > 0
	}
	return false
}

const (
	// mostWords bounds how many are remembered: a provider may put anything into a type.
	mostWords = 4096
	// longestWord is longer than any condition's message that says nothing of an object.
	longestWord = 256
)

// shared has one copy of what many objects have.
type shared[T any] struct {
	mu    sync.RWMutex
	known map[string]T
}

// one is what is known by a key, and from now on v if nothing is.
func (s *shared[T]) one(key string, v T) T {
	s.mu.RLock()
	first, found := s.known[key]
	s.mu.RUnlock()
	if found {
		return first
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < mostWords && len(key) <= longestWord {
		s.known[key] = v
	}
	return v
}

var (
	words = shared[string]{known: map[string]string{}}
	// wordLists are such as an object's finalizers, by their words: read only, as everything in a cache is.
	wordLists = shared[[]string]{known: map[string][]string{}}
)
