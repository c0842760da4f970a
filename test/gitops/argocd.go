// Package gitops computes the health of an object as Argo CD and Flux compute it, from their configuration in this repository.
// Only tests use it.
package gitops

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Health statuses of Argo CD that the script returns.
const (
	Healthy     = "Healthy"
	Progressing = "Progressing"
	Degraded    = "Degraded"
)

// scriptTimeout is how long Argo CD lets a script run.
const scriptTimeout = time.Second

// Health is the health of an object in Argo CD.
type Health struct{ Status, Message string }

// ArgoCD returns the health that Argo CD computes with a script. An object that is being deleted is Progressing whatever the
// script says.
func ArgoCD(ctx context.Context, script string, object *unstructured.Unstructured) (Health, error) {
	if object.GetDeletionTimestamp() != nil {
		return Health{Progressing, "Pending deletion"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, scriptTimeout)
	defer cancel()
	state, err := newState()
	if err != nil {
		return Health{}, err
	}
	defer state.Close()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		return Health{}, err
	}
	result, isTable := state.Get(-1).(*lua.LTable)
	if !isTable {
		return Health{}, fmt.Errorf("the script returns a %s, not a table", state.Get(-1).Type())
	}
	health := Health{lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))}
	switch health.Status {
	case Healthy, Progressing, Degraded:
		return health, nil
	}
	return Health{}, fmt.Errorf("the script returns the status %q", health.Status)
}

// newState returns a Lua state with the libraries that Argo CD opens for a health check of argocd-cm, but for os.
func newState() (*lua.LState, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	for _, library := range []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}} {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// toLua returns a value of an object as Argo CD hands it to a script.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		list := state.NewTable()
		for _, element := range value {
			list.Append(toLua(state, element))
		}
		return list
	case map[string]any:
		table := state.NewTable()
		for name, field := range value {
			table.RawSetString(name, toLua(state, field))
		}
		return table
	}
	return lua.LNil
}
