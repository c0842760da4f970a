package log

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// line is a line of the provisioning log: docs/audit.md has its fields.
type line struct {
	Logger         string   `json:"logger"`
	Message        string   `json:"msg"`
	RequestID      string   `json:"requestID"`
	Namespace      string   `json:"namespace"`
	Credential     string   `json:"credential"`
	Remote         string   `json:"remote"`
	UserAgent      string   `json:"userAgent"`
	ResourceType   string   `json:"resourceType"`
	ID             string   `json:"id"`
	UserName       string   `json:"userName"`
	DisplayName    string   `json:"displayName"`
	Effects        []string `json:"effects"`
	Changed        []string `json:"changed"`
	MembersAdded   int      `json:"membersAdded"`
	AddedMembers   []string `json:"addedMembers"`
	MembersRemoved int      `json:"membersRemoved"`
	RemovedMembers []string `json:"removedMembers"`
	SCIMType       string   `json:"scimType"`
	Detail         string   `json:"detail"`
	Reason         string   `json:"reason"`
	Status         int      `json:"status"`
	Duration       *float64 `json:"duration"`

	// at is the time of the line by the clock of its node: the times that the operator writes have whole seconds.
	at time.Time
	// text is the line as the operator has written it.
	text []byte
}

// loggerName is that of the provisioning log.
const loggerName = "scim"

// parseLine returns the line that the operator has written as a text. It reports false if the line is not of the provisioning
// log: other messages of that logger have no duration.
func parseLine(at time.Time, text []byte) (l line, is bool) {
	if !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &l) != nil {
		return line{}, false
	}
	l.at, l.text = at, text
	return l, l.Logger == loggerName && l.RequestID != "" && l.Duration != nil
}

// splitStamp returns the time at the beginning of a line, and the rest without the line break. The time is zero if there is none.
func splitStamp(stamped []byte) (at time.Time, text []byte) {
	stamped = bytes.TrimRight(stamped, "\r\n")
	stamp, text, found := bytes.Cut(stamped, []byte(" "))
	if !found {
		return time.Time{}, stamped
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return time.Time{}, stamped
	}
	return at, text
}

// object returns the user or group of a line as kubectl names objects; "" for a request that is about neither.
func (l line) object() string {
	if l.ResourceType == "" {
		return ""
	}
	name := l.UserName
	if name == "" {
		name = l.DisplayName
	}
	if name == "" {
		name = l.ID
	}
	return strings.TrimSuffix(l.ResourceType+"/"+name, "/")
}

// summary returns what a request has done, or why it was refused, in a few words.
func (l line) summary() string {
	if l.Detail != "" || l.Reason != "" {
		return plugin.JoinNonEmpty(": ", l.Reason, l.Detail)
	}
	parts := append([]string(nil), l.Effects...)
	if len(l.Changed) > 0 {
		parts = append(parts, "changed "+strings.Join(l.Changed, ", "))
	}
	if l.MembersAdded > 0 {
		parts = append(parts, "+"+membersInWords(l.MembersAdded))
	}
	if l.MembersRemoved > 0 {
		parts = append(parts, "-"+membersInWords(l.MembersRemoved))
	}
	return strings.Join(parts, ", ")
}

func membersInWords(count int) string {
	if count == 1 {
		return "1 member"
	}
	return strconv.Itoa(count) + " members"
}

// row returns what a table shows of a line.
func (l line) row() Row {
	return Row{
		At: l.at, Namespace: l.Namespace, Outcome: l.Message, Status: strconv.Itoa(l.Status), Credential: l.Credential,
		Kind: l.ResourceType, ID: l.ID, Object: l.object(), Summary: l.summary(), Reason: l.Reason, SCIMType: l.SCIMType,
		RequestID: l.RequestID, Remote: l.Remote, UserAgent: l.UserAgent,
	}
}

// rowsOf returns what a table shows of lines.
func rowsOf(lines []line) []Row {
	rows := make([]Row, len(lines))
	for i, l := range lines {
		rows[i] = l.row()
	}
	return rows
}
