package gitops

import (
	"context"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Expressions are an element of spec.healthCheckExprs of a Kustomization of Flux.
type Expressions struct {
	APIVersion, Kind            string
	InProgress, Failed, Current string
}

// Flux returns the status that Flux computes with expressions: InProgress until the generation is observed, then the first of
// InProgress, Failed and Current whose expression is true, otherwise InProgress.
func Flux(ctx context.Context, expressions Expressions, object *unstructured.Unstructured) (status.Status, error) {
	observed, isObserved, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err != nil {
		return "", err
	}
	if isObserved && observed != object.GetGeneration() {
		return status.InProgressStatus, nil
	}
	for _, e := range []struct {
		expression string
		status     status.Status
	}{
		{expressions.InProgress, status.InProgressStatus},
		{expressions.Failed, status.FailedStatus},
		{expressions.Current, status.CurrentStatus},
	} {
		if e.expression == "" {
			continue
		}
		isTrue, err := evaluate(ctx, e.expression, object)
		if err != nil {
			return "", err
		}
		if isTrue {
			return e.status, nil
		}
	}
	return status.InProgressStatus, nil
}

// evaluate evaluates an expression, which Flux does not compile, because it does not know the fields of an object.
func evaluate(ctx context.Context, expression string, object *unstructured.Unstructured) (bool, error) {
	environment, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(), ext.Encoders())
	if err != nil {
		return false, err
	}
	parsed, issues := environment.Parse(expression)
	if issues.Err() != nil {
		return false, fmt.Errorf("%s: %w", expression, issues.Err())
	}
	program, err := environment.Program(parsed)
	if err != nil {
		return false, err
	}
	value, _, err := program.ContextEval(ctx, object.Object)
	if err != nil {
		return false, fmt.Errorf("%s: %w", expression, err)
	}
	isTrue, isBool := value.(types.Bool)
	if !isBool {
		return false, fmt.Errorf("%s is a %s, not a boolean", expression, value.Type().TypeName())
	}
	return bool(isTrue), nil
}
