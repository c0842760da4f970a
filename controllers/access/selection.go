package access

import "context"

// selectionWatch is a manager.Runnable that has every assignment reconciled when other namespaces may be directories.
type selectionWatch struct{ *Reconciler }

// Start implements manager.Runnable.
func (w selectionWatch) Start(ctx context.Context) error {
	if w.Selector == nil {
		return nil
	}
	for {
		next := w.Selector.Changed()
		w.enqueue(urgentPriority, w.everyAssignment(ctx)...)
		select {
		case <-next:
		case <-ctx.Done():
			return nil
		}
	}
}
