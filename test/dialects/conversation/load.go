package conversation

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sigs.k8s.io/yaml"
)

// Load reads all conversations of a folder, in the order of their files' names.
func Load(folder string) ([]*Conversation, error) {
	files := os.DirFS(folder)
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds no conversations", folder)
	}
	var all []*Conversation
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		c, err := parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// parse reads one conversation. An unknown field is an error, because a misspelt expectation would never fail.
func parse(data []byte) (*Conversation, error) {
	c := &Conversation{}
	if err := yaml.UnmarshalStrict(data, c); err != nil {
		return nil, err
	}
	if c.Provider == "" || len(c.Handled) == 0 || len(c.Rows) == 0 {
		return nil, errors.New("provider, handled and rows are required")
	}
	failures := []error{valid("before", c.Before)}
	for _, row := range c.Rows {
		if row.Sends == "" || row.Answer == "" || row.Source == "" || len(row.Steps) == 0 {
			failures = append(failures, fmt.Errorf("%q: sends, answer, source and steps are required", row.Sends))
		}
		failures = append(failures, valid(row.Sends, row.Steps))
	}
	return c, errors.Join(failures...)
}

func valid(where string, steps []Step) error {
	for i, step := range steps {
		if _, err := step.message(); err != nil {
			return fmt.Errorf("%q, step %d: %w", where, i+1, err)
		}
		if step.Status == 0 {
			return fmt.Errorf("%q, step %d: status is required", where, i+1)
		}
	}
	return nil
}
